import { type ConversionConfig, toJsonSchema, toJsonSchemaDefs } from '@valibot/to-json-schema';
import type { GenericSchema } from 'valibot';
import {
  Bid,
  Degradation,
  Explained,
  HistoryEvent,
  Item,
  ItemResponse,
  Problem,
  Reason,
  RecommendationRequest,
  RecommendationResponse,
  RecommendedItem,
  ReleaseResponse,
  SearchResponse,
} from '../shared/api.ts';
import { ItemAttributes } from '../shared/catalogue.ts';
import { Estimate } from '../shared/release.ts';
import { type Operation, type OperationName, operations } from './operations.ts';

const requestSchemas = { Bid, HistoryEvent, RecommendationRequest };
const answerSchemas = {
  Degradation,
  Estimate,
  Explained,
  Item,
  ItemAttributes,
  ItemResponse,
  Problem,
  Reason,
  RecommendationResponse,
  RecommendedItem,
  ReleaseResponse,
  SearchResponse,
};
const definitions = { ...requestSchemas, ...answerSchemas };

const conversion: ConversionConfig = {
  target: 'draft-2020-12',
  errorMode: 'throw',
  ignoreActions: ['trim'],
  overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
  // JSON Schema counts characters. A bound in bytes of UTF-8 implies the same bound in characters.
  overrideAction: ({ valibotAction, jsonSchema }) => {
    const { type, requirement } = valibotAction as { type: string; requirement?: number };
    if (type === 'min_bytes') return { ...jsonSchema, minLength: 1 };
    if (type === 'max_bytes' && requirement !== undefined) return { ...jsonSchema, maxLength: requirement };
    return undefined;
  },
};

const whatHappened: Readonly<Record<number, string>> = {
  400: 'The body is not JSON in UTF-8, or the filter means nothing for the release',
  404: 'The release has no such item',
  408: 'The body took too long to arrive',
  413: 'The body is larger than 64 KiB',
  415: 'The body is not declared as JSON',
  422: 'The request is not valid; `errors` says where and why',
  429: 'This client sent too many requests; `Retry-After` says when to try again',
  500: 'The service failed',
  503: 'No release can be served at the moment; `Retry-After` says when to try again',
};

/** The API's description in OpenAPI 3.1. */
export function describeApi(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, operation] of Object.entries(operations) as [OperationName, Operation][]) {
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method.toLowerCase()]: describe(name, operation),
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Perigee',
      version: '1',
      description: 'Recommendations from the release now serving. Every answer names that release.',
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: {
        ...toJsonSchemaDefs(definitions, { ...conversion, typeMode: 'output' }),
        ...pick(
          toJsonSchemaDefs(definitions, { ...conversion, typeMode: 'input' }),
          Object.keys(requestSchemas),
        ),
      },
    },
  };
}

const pick = (from: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(names.map((name) => [name, from[name]]));

function describe(operationId: string, operation: Operation): Record<string, unknown> {
  const { summary, description, body, answer, cacheable, problems } = operation;
  return {
    operationId,
    summary,
    ...(description !== undefined && { description }),
    parameters: parameters(operation),
    ...(body && {
      requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } },
    }),
    responses: {
      200: {
        description: 'The answer',
        ...(cacheable && { headers: { ETag: { schema: { type: 'string' } } } }),
        content: { 'application/json': { schema: schemaOf(answer, 'output') } },
      },
      ...(cacheable && { 304: { description: 'As it was when it had the ETag of If-None-Match' } }),
      ...Object.fromEntries(
        [...problems, ...(operation.path.startsWith('/v1/') ? [429] : []), 500].map((status) => [
          status,
          problem(status),
        ]),
      ),
    },
  };
}

const problem = (status: number): Record<string, unknown> => ({
  description: whatHappened[status],
  ...((status === 429 || status === 503) && {
    headers: { 'Retry-After': { description: 'Seconds', schema: { type: 'integer' } } },
  }),
  content: { 'application/problem+json': { schema: schemaOf(Problem, 'output') } },
});

function parameters({ parameters = {}, query }: Operation): Record<string, unknown>[] {
  return [
    ...Object.entries(parameters).map(([name, schema]) => ({
      name,
      in: 'path',
      required: true,
      schema: schemaOf(schema, 'input'),
    })),
    ...Object.entries(query?.entries ?? {}).map(([name, schema]) => ({
      name,
      in: 'query',
      required: schema.type !== 'optional',
      ...contentOf(schema as GenericSchema),
    })),
  ];
}

/** An object in a query string is JSON. */
function contentOf(schema: GenericSchema): Record<string, unknown> {
  const described = schemaOf(schema, 'input');
  return described['type'] === 'object'
    ? { content: { 'application/json': { schema: described } } }
    : { schema: described };
}

/** A reference where the schema has a name, the schema itself otherwise. */
function schemaOf(schema: GenericSchema, typeMode: 'input' | 'output'): Record<string, unknown> {
  const { $schema, $defs, ...rest } = toJsonSchema(schema, { ...conversion, definitions, typeMode });
  return rest;
}
