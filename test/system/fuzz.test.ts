import fc from 'fast-check';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OperationName, operations } from '../../edge/operations.ts';
import { Problem } from '../../shared/api.ts';
import { type Answered, type Client, openClient, type Sent } from '../fixtures/client.ts';
import { bundleEdge, type Edge, startEdge } from '../fixtures/edge.ts';
import { type Origin, startOrigin } from '../fixtures/origin.ts';
import { type FixtureRelease, fixtureRelease } from '../fixtures/release.ts';
import { type JsonSchema, mutated, valid } from '../fixtures/schema-arbitrary.ts';

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

interface Operation {
  readonly operationId: OperationName;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: 'path' | 'query';
    readonly schema?: JsonSchema;
    readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>>;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
}

const seed = 20_260_101;
const requests = 15_000;
const malformed = 10_000;
const concurrency = 16;

let release: FixtureRelease;
let origin: Origin;
let edge: Edge;
let client: Client;

beforeAll(async () => {
  release = await fixtureRelease({ items: 500, ranker: {} });
  origin = await startOrigin();
  origin.add(release);
  origin.point(release.releaseId);
  edge = await startEdge(await bundleEdge(), {
    variables: { RELEASE_ORIGIN: origin.url, RANK_BUDGET_MS: '10000' },
  });
  client = openClient(edge.url, concurrency);
}, 120_000);

afterAll(async () => {
  client[Symbol.dispose]();
  await edge[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

const text = (): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constantFrom(...release.dataset.itemIds.slice(1, 40)),
    fc.constantFrom('purchase', 'view', 'rent', 'de-AT', 'daytime', 'noon', 'a/b', '..', '%', 'ü'),
  );

const encode = (part: unknown): string => encodeURIComponent(String(part).toWellFormed());

/** Requests to one operation: sound ones, and ones spoilt in their path, query, method, headers or body. */
function requestsTo(
  path: string,
  method: string,
  operation: Operation,
  schemas: Description['components']['schemas'],
): fc.Arbitrary<Sent> {
  const parameters = Object.fromEntries(
    operation.parameters.map(({ name, schema, content }) => {
      const json = content?.['application/json']?.schema;
      const sound = json
        ? valid(json, schemas, text()).map((value) => JSON.stringify(value))
        : valid(schema ?? {}, schemas, text());
      return [name, fc.oneof({ weight: 2, arbitrary: sound }, { weight: 1, arbitrary: mutated(sound) })];
    }),
  );
  const schema = operation.requestBody?.content['application/json']?.schema;
  const json = schema && valid(schema, schemas, text());
  const bodies: fc.Arbitrary<Buffer | undefined> = json
    ? fc.oneof(
        { weight: 2, arbitrary: json.map((value) => Buffer.from(JSON.stringify(value))) },
        { weight: 8, arbitrary: mutated(json).map((value) => Buffer.from(JSON.stringify(value) ?? '')) },
        {
          weight: 2,
          arbitrary: fc.tuple(json, fc.nat()).map(([value, at]) => cut(JSON.stringify(value), at)),
        },
        { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            Buffer.alloc(70_000, 'x'),
            Buffer.from('['.repeat(60_000)),
            Buffer.alloc(0),
          ),
        },
      )
    : fc.oneof(
        { weight: 5, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.constant(Buffer.from('{}')) },
      );
  return fc
    .record({
      method: fc.oneof(
        { weight: 20, arbitrary: fc.constant(method.toUpperCase()) },
        { weight: 1, arbitrary: fc.constantFrom('GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'POST') },
      ),
      values: fc.record(parameters, {
        requiredKeys: operation.parameters.filter((p) => p.in === 'path').map((p) => p.name),
      }),
      extra: fc.oneof(
        { weight: 6, arbitrary: fc.constant('') },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            'limit=1&limit=2',
            '&&',
            'limit',
            '%',
            'limit=%FF',
            '__proto__=1',
            'query=%00',
          ),
        },
      ),
      type: fc.oneof(
        { weight: 12, arbitrary: fc.constant('application/json') },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            'text/plain',
            'application/json; charset=utf-8',
            'application/vnd.a+json',
            '',
            'x',
          ),
        },
      ),
      header: fc.constantFrom(
        {},
        {},
        {},
        {},
        { 'if-none-match': '"a", *' },
        { 'content-encoding': 'gzip' },
        { accept: 'text/html' },
        { origin: 'null' },
      ),
      body: bodies,
    })
    .map(({ method, values, extra, type, header, body }) => {
      const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encode(values[name]));
      const query = operation.parameters
        .filter((parameter) => parameter.in === 'query' && parameter.name in values)
        .map(
          ({ name }) =>
            `${name}=${encode(typeof values[name] === 'object' ? JSON.stringify(values[name]) : values[name])}`,
        );
      const sentBody = method === 'GET' || method === 'HEAD' ? undefined : body;
      return {
        method,
        path: `${filled}?${[...query, extra].filter(Boolean).join('&')}`,
        headers: {
          ...header,
          ...(sentBody && type !== '' && { 'content-type': type }),
        },
        body: sentBody,
      };
    });
}

const cut = (json: string, at: number): Buffer => Buffer.from(json.slice(0, at % Math.max(1, json.length)));

/** Answers that the API may give: the operation's own, or a problem. */
function assertWellFormed(sent: Sent, name: OperationName, answer: Answered): void {
  const context = `${sent.method} ${sent.path} ${JSON.stringify(sent.headers)} ${sent.body?.toString().slice(0, 500)} → ${answer.status} ${answer.text.slice(0, 500)}`;
  expect(answer.status, context).toBeGreaterThanOrEqual(200);
  expect(answer.status, context).toBeLessThan(500);
  if (sent.method === 'HEAD' || [204, 304].includes(answer.status)) expect(answer.text, context).toBe('');
  else if (answer.status === 200) {
    expect(v.safeParse(operations[name].answer, JSON.parse(answer.text)).issues, context).toBeUndefined();
  } else {
    expect(answer.headers['content-type'], context).toBe('application/problem+json');
    const problem = v.parse(Problem, JSON.parse(answer.text));
    expect(problem.status, context).toBe(answer.status);
  }
}

describe('malformed requests', () => {
  it(`${malformed} of them, made from the API's own description, get a 4xx or an answer that fits it`, async () => {
    const sound: Sent = {
      method: 'GET',
      path: '/v1/items/item-0000003/similar?limit=10',
      headers: {},
      body: undefined,
    };
    const before = await client.send(sound);
    const described = JSON.parse(
      (await client.send({ ...sound, path: '/openapi.json' })).text,
    ) as Description;
    const all = Object.entries(described.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
    const kinds = all.map(({ path, method, operation }) => ({
      weight: operation.requestBody ? 8 : operation.parameters.length > 0 ? 3 : 1,
      arbitrary: requestsTo(path, method, operation, described.components.schemas).map((sent) => ({
        sent,
        name: operation.operationId,
      })),
    }));
    const queue = fc.sample(fc.oneof(...kinds), { numRuns: requests, seed });
    const statuses = new Map<number, number>();
    const work = async (): Promise<void> => {
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        const answer = await client.send(next.sent);
        // A path that a spoilt id turned into another one is answered as that one.
        const name =
          all.find(({ path }) => path === next.sent.path.split('?')[0])?.operation.operationId ?? next.name;
        assertWellFormed(next.sent, name, answer);
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, work));
    const refused = [...statuses].reduce((sum, [status, count]) => sum + (status >= 400 ? count : 0), 0);
    console.log('statuses', Object.fromEntries([...statuses].sort(([a], [b]) => a - b)));
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 400, 404, 405, 413, 415, 422]));
    expect(refused).toBeGreaterThanOrEqual(malformed);
    expect(edge.log.filter((line) => /unexpected|TypeError|encode|rank/.test(line))).toEqual([]);
    expect((await client.send(sound)).text).toBe(before.text);
  });
});
