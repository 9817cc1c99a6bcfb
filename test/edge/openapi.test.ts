import { expect, it } from 'vitest';
import { createApp } from '../../edge/app.ts';
import { describeApi } from '../../edge/openapi.ts';
import { RecommendationRequest } from '../../shared/api.ts';

type Json = { readonly [key: string]: Json } & readonly Json[] & string;

const document = JSON.parse(JSON.stringify(describeApi())) as Json;

it('describes every route, with every status that it can answer', () => {
  const app = createApp({
    serving: { use: () => Promise.reject(new Error('unused')) },
    corsOrigins: [],
    cacheSeconds: 1,
  });
  const routes = app.routes
    .filter(({ method, path }) => !path.includes('*') && !['ALL', 'OPTIONS'].includes(method))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  const described = Object.entries(document['paths'] as object).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(described.sort()).toEqual(routes.sort());
  expect(described).toHaveLength(8);
});

it('holds no reference to what is not there, and no schema that nothing refers to', () => {
  const text = JSON.stringify(document);
  const used = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1]!));
  expect([...used].sort()).toEqual(Object.keys(document['components']!['schemas'] as object).sort());
  expect(text).not.toContain('$defs');
});

it('keeps to the structure of OpenAPI 3.1', () => {
  expect(document['openapi']).toMatch(/^3\.1\.\d$/);
  const operationIds: string[] = [];
  for (const [path, methods] of Object.entries(document['paths'] as Record<string, Record<string, Json>>)) {
    expect(path).toMatch(/^\//);
    for (const operation of Object.values(methods)) {
      operationIds.push(operation['operationId']!);
      const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const parameters = operation['parameters'] as unknown as {
        name: string;
        in: string;
        required: boolean;
        schema?: object;
        content?: { 'application/json': { schema: object } };
      }[];
      expect(parameters.filter((p) => p.in === 'path').map((p) => p.name)).toEqual(names);
      for (const parameter of parameters) {
        expect(['path', 'query']).toContain(parameter.in);
        if (parameter.in === 'path') expect(parameter.required).toBe(true);
        expect(parameter.schema ?? parameter.content?.['application/json'].schema).toHaveProperty('type');
      }
      for (const [status, response] of Object.entries(operation['responses'] as Record<string, Json>)) {
        expect(status).toMatch(/^[2-5]\d\d$/);
        expect(response['description']).toEqual(expect.any(String));
        for (const media of Object.values((response['content'] ?? {}) as Record<string, Json>))
          expect(media).toHaveProperty('schema');
      }
    }
  }
  expect(new Set(operationIds).size).toBe(operationIds.length);
});

it('says of a request what the validation says', () => {
  const schema = document['components']!['schemas']!['RecommendationRequest'] as unknown as {
    properties: Record<string, object>;
    additionalProperties: boolean;
    required: string[];
  };
  expect(Object.keys(schema.properties)).toEqual(Object.keys(RecommendationRequest.entries));
  expect(schema.additionalProperties).toBe(false);
  expect(schema.required).toEqual([]);
  expect(schema.properties['limit']).toMatchObject({
    type: 'integer',
    minimum: 1,
    maximum: 500,
    default: 20,
  });
  const { HistoryEvent } = document['components']!['schemas'] as unknown as Record<
    string,
    { properties: Record<string, object> }
  >;
  expect(HistoryEvent!.properties['itemId']).toMatchObject({ type: 'string', minLength: 1, maxLength: 256 });
});
