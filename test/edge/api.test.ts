import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AppOptions, createApp } from '../../edge/app.ts';
import { operations } from '../../edge/operations.ts';
import type { Release, Serving } from '../../edge/release.ts';
import { limits, Problem, type RecommendationResponse } from '../../shared/api.ts';
import { placedRelease } from '../fixtures/placed.ts';
import { type FixtureRelease, fixtureRelease } from '../fixtures/release.ts';

let fixture: FixtureRelease;
let release: Release;

beforeAll(async () => {
  fixture = await fixtureRelease({ items: 600 });
  release = await placedRelease(fixture);
});

const always = (served: () => Release): Serving => ({
  use: async (_waitUntil, work) =>
    work(served(), { activatedAt: '2026-01-01T00:00:00.000Z', lastFailure: undefined }),
});

const appOf = (options: Partial<AppOptions> = {}) =>
  createApp({ serving: always(() => release), corsOrigins: [], cacheSeconds: 30, ...options });

const get = (path: string, init: RequestInit = {}, options: Partial<AppOptions> = {}) =>
  appOf(options).request(path, init);

const post = (body: unknown, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  get('/v1/recommendations', {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

const answer = async (response: Response | Promise<Response>): Promise<RecommendationResponse> => {
  const found = await response;
  expect(found.status).toBe(200);
  return v.parse(operations.recommend.answer, await found.json());
};

const problem = async (response: Response | Promise<Response>, status: number): Promise<Problem> => {
  const found = await response;
  expect(found.status).toBe(status);
  expect(found.headers.get('content-type')).toBe('application/problem+json');
  expect(found.headers.get('cache-control')).toBe('no-store');
  return v.parse(Problem, await found.json());
};

describe('POST /v1/recommendations', () => {
  it('ranks as the model itself does', async () => {
    for (const history of fixture.histories.slice(5, 20)) {
      const events = Array.from(history.items, (item, i) => ({
        itemId: fixture.dataset.itemIds[item]!,
        kind: history.weights[i] === 1 ? 'purchase' : 'view',
        time: history.times[i]!,
      }));
      const { items, degraded, unknownItemIds } = await answer(post({ history: events, limit: 10 }));
      const [scores] = await fixture.score([{ history }]);
      const seen = new Set(history.items);
      const best = Array.from(scores!, (score, item) => ({ score, item }))
        .filter(({ item }) => item > 0 && !seen.has(item))
        .sort((a, b) => b.score - a.score);
      expect({ degraded, unknownItemIds }).toEqual({ degraded: [], unknownItemIds: [] });
      for (const [rank, { itemId, score, source }] of items.entries()) {
        expect(source).toBe('model');
        // int8 rows against float32 ones
        expect(Math.abs(score - best[rank]!.score)).toBeLessThan(0.02 * best[0]!.score);
        expect(Math.abs(scores![fixture.dataset.itemIds.indexOf(itemId)]! - score)).toBeLessThan(
          0.02 * best[0]!.score,
        );
      }
    }
  });

  it('answers popular items for an empty or unknown history, and declares it', async () => {
    const popular = Array.from(
      release.placed().catalogue.popularItems.slice(0, 5),
      (item) => fixture.dataset.itemIds[item],
    );
    for (const history of [[], [{ itemId: 'no such' }]]) {
      const { items, degraded, unknownItemIds } = await answer(post({ history, limit: 5 }));
      expect(items.map(({ itemId }) => itemId)).toEqual(popular);
      expect(items.every(({ source }) => source === 'popularity')).toBe(true);
      expect(degraded).toEqual([
        { stage: 'encode', fallback: 'popularity', reason: expect.stringContaining('history') },
      ]);
      expect(unknownItemIds).toEqual(history.map(({ itemId }) => itemId));
    }
    expect((await answer(post({}))).items).toHaveLength(20);
  });

  it('reports unknown items once, from history and exclude, and goes on with the rest', async () => {
    const { items, unknownItemIds } = await answer(
      post({
        history: [{ itemId: 'a' }, { itemId: 'item-0000002' }, { itemId: 'a' }],
        exclude: ['b', 'a', 'item-0000003'],
      }),
    );
    expect(unknownItemIds).toEqual(['a', 'b']);
    expect(items[0]!.source).toBe('model');
  });

  it('leaves out the history and the excluded, or only the excluded', async () => {
    const history = Array.from({ length: 50 }, (_, i) => ({
      itemId: `item-${String(i + 1).padStart(7, '0')}`,
    }));
    const ids = async (more: object) =>
      (await answer(post({ history, limit: 500, ...more }))).items.map(({ itemId }) => itemId);
    const without = await ids({ exclude: ['item-0000100'] });
    expect(without).not.toContain('item-0000007');
    expect(without).not.toContain('item-0000100');
    expect(new Set(without).size).toBe(without.length);
    expect(await ids({ excludeHistory: false, exclude: ['item-0000008'] })).toEqual(
      expect.not.arrayContaining(['item-0000008']),
    );
    const everything = await answer(post({ history, limit: 500, excludeHistory: false }));
    expect(everything.items).toHaveLength(500);
  });

  it('gives attributes when asked', async () => {
    const { items } = await answer(
      post({ history: [{ itemId: 'item-0000001' }], limit: 50, attributes: true }),
    );
    expect(items.some(({ attributes }) => attributes?.title?.includes('№'))).toBe(true);
    expect(items.find(({ itemId }) => itemId.endsWith('0'))?.attributes).toBeUndefined();
  });

  it('counts the last 1,000 events of a longer history', async () => {
    const old = Array.from({ length: 300 }, (_, i) => ({ itemId: i }));
    const events = Array.from({ length: limits.history }, (_, i) => ({
      itemId: `item-${String((i % 600) + 1).padStart(7, '0')}`,
    }));
    const short = await answer(post({ history: events }));
    const long = await answer(post({ history: [...old, ...events] }));
    expect(long).toEqual(short);
  });

  it('takes the time as age and the kind as weight', async () => {
    const ids = ['item-0000001', 'item-0000002', 'item-0000003'];
    const first = async (history: object[]) => (await answer(post({ history, limit: 1 }))).items[0]!.score;
    const plain = await first(ids.map((itemId) => ({ itemId, time: 1_700_000_000 })));
    expect(await first(ids.map((itemId, i) => ({ itemId, time: 1_700_000_000 + i * 1e7 })))).not.toBe(plain);
    expect(await first(ids.map((itemId) => ({ itemId, time: 1_700_000_000, kind: 'view' })))).not.toBe(plain);
    expect(await first(ids.map((itemId) => ({ itemId, time: 1_700_000_000, kind: 'purchase' })))).toBe(plain);
  });

  it('names the known kinds when it meets another', async () => {
    const { errors } = await problem(
      post({ history: [{ itemId: 'item-0000001' }, { itemId: 'x', kind: 'rent' }] }),
      422,
    );
    expect(errors).toEqual([
      { path: 'history.1.kind', message: 'expected one of purchase, view, found "rent"' },
    ]);
    await problem(post({ history: [{ itemId: 'item-0000001', kind: 'constructor' }] }), 422);
  });

  it('says where and why a request is not valid', async () => {
    const { errors } = await problem(
      post({ history: [{ itemId: '' }, { itemid: 'x' }], limit: 0, more: 1 }),
      422,
    );
    expect(errors?.map(({ path }) => path).sort()).toEqual([
      'history.0.itemId',
      'history.1.itemId',
      'history.1.itemid',
      'limit',
      'more',
    ]);
    await problem(post({ history: [{ itemId: 'é'.repeat(129) }] }), 422);
    await answer(post({ history: [{ itemId: 'é'.repeat(128) }] }));
    for (const limit of [501, -1, 1.5, '20', null]) await problem(post({ limit }), 422);
    const many = await problem(post({ history: Array.from({ length: 3_000 }, () => 1) }), 422);
    expect(many.errors!.length).toBeLessThanOrEqual(20);
  });

  it('refuses bodies that are too large, not JSON, not UTF-8, or declared as something else', async () => {
    await problem(post(`{"history":[]${' '.repeat(limits.bodyBytes)}}`), 413);
    const chunked = new ReadableStream({
      pull(controller) {
        controller.enqueue(new TextEncoder().encode('['.repeat(10_000)));
      },
    });
    await problem(
      get('/v1/recommendations', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: chunked,
        duplex: 'half',
      } as RequestInit),
      413,
    );
    await problem(post(`{"limit":20${' '.repeat(limits.bodyBytes - 12)}`), 400);
    for (const body of ['', '{', 'history', '[1,]', '{"a":1}}']) await problem(post(body), 400);
    await problem(
      get('/v1/recommendations', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: Uint8Array.of(0x22, 0xff, 0x22),
      }),
      400,
    );
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp'])
      await problem(post({}, { 'content-type': type }), 415);
    await problem(post({}, { 'content-type': 'application/json', 'content-encoding': 'gzip' }), 415);
    await answer(post({}, { 'content-type': 'Application/JSON; charset=utf-8' }));
  });

  it('falls back to popularity, declared and uncached, when the encoder fails', async () => {
    const failing = {
      ...release,
      encoder: { run: async () => Float32Array.of(Number.NaN), release: async () => {} },
    };
    const response = await get('/v1/items/item-0000001/similar', {}, { serving: always(() => failing) });
    expect(response.headers.get('cache-control')).toBe('no-store');
    const { items, degraded } = (await response.json()) as RecommendationResponse;
    expect(items[0]!.source).toBe('popularity');
    expect(degraded).toEqual([{ stage: 'encode', fallback: 'popularity', reason: 'the encoder failed' }]);
  });
});

describe('an artifact that ranks only some items', () => {
  it('is filled up with popular items, each declared, none twice', async () => {
    const neighbours = await placedRelease(await fixtureRelease({ items: 600, kind: 'neighbours' }));
    const response = get(
      '/v1/items/item-0000005/similar?limit=500',
      {},
      { serving: always(() => neighbours) },
    );
    const { items, degraded } = await answer(response);
    const sources = items.map(({ source }) => source);
    const ranked = sources.filter((source) => source === 'model').length;
    expect(ranked).toBeGreaterThan(0);
    expect(sources).toEqual([...Array(ranked).fill('model'), ...Array(500 - ranked).fill('popularity')]);
    expect(new Set(items.map(({ itemId }) => itemId)).size).toBe(500);
    expect(degraded).toEqual([
      { stage: 'retrieve', fallback: 'popularity', reason: `the model ranked ${ranked} of 500 items` },
    ]);
  });
});

describe('GET', () => {
  it('finds an item by any id, however it is written', async () => {
    const ids = ['a/b', 'ü ñ', '100%', '%2F', '?#&+', '💩', 'popular', 'a"b\\c', "it's", 'x'.repeat(256)];
    const odd = await fixtureRelease({ items: ids.length, kind: 'none', histories: 1 });
    const renamed = { ...(await placedRelease(odd)) };
    const { catalogue } = renamed.placed();
    const find = (itemId: string): number => ids.indexOf(itemId) + 1;
    const served = { ...renamed, placed: () => ({ ...renamed.placed(), catalogue: { ...catalogue, find } }) };
    for (const itemId of ids.filter((id) => id !== 'popular')) {
      const response = await get(
        `/v1/items/${encodeURIComponent(itemId)}`,
        {},
        { serving: always(() => served) },
      );
      expect(response.status, itemId).toBe(200);
      expect(await response.json()).toMatchObject({ itemId });
      expect(
        (await get(`/v1/items/${encodeURIComponent(itemId)}/similar`, {}, { serving: always(() => served) }))
          .status,
      ).toBe(200);
    }
  });

  it('answers 404 for an item that the release does not know, 422 for an id that is too long', async () => {
    expect((await problem(get('/v1/items/nope'), 404)).type).toBe('urn:perigee:problem:unknown-item');
    await problem(get('/v1/items/nope/similar'), 404);
    await problem(get(`/v1/items/${'x'.repeat(257)}`), 422);
    await problem(get('/v1/items/'), 404);
    await problem(get('/v2'), 404);
  });

  it('checks parameters', async () => {
    for (const query of [
      'limit=0',
      'limit=501',
      'limit=1e2',
      'limit=',
      'limit=1&limit=2',
      'attributes=yes',
    ]) {
      await problem(get(`/v1/items/popular?${query}`), 422);
    }
    await problem(get('/v1/items'), 422);
    await problem(get('/v1/items?query=%20'), 422);
    expect((await answer(get('/v1/items/popular?limit=7&attributes=true&utm=x'))).items).toHaveLength(7);
  });

  it('lets caches hold what depends on the release alone', async () => {
    for (const path of [
      '/v1/items/popular',
      '/v1/items/item-0000001',
      '/v1/items/item-0000001/similar',
      '/v1/items?query=mug',
    ]) {
      const first = await get(path);
      expect(first.headers.get('cache-control')).toBe('public, max-age=30');
      const etag = first.headers.get('etag')!;
      expect(etag).toBe(`W/"${fixture.releaseId}.1"`);
      for (const asked of [etag, `"x", ${etag}`, '*']) {
        const again = await get(path, { headers: { 'if-none-match': asked } });
        expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
      }
      expect((await get(path, { headers: { 'if-none-match': 'W/"0000000000000000"' } })).status).toBe(200);
    }
    for (const path of ['/v1/release', '/healthz'])
      expect((await get(path)).headers.get('cache-control')).toBe('no-store');
  });

  it('describes the release', async () => {
    const found = v.parse(operations.release.answer, await (await get('/v1/release')).json());
    expect(found).toMatchObject({
      releaseId: fixture.releaseId,
      model: 'fixture-embedding',
      artifact: 'embedding',
      items: 600,
      eventKinds: { purchase: 1, view: 0.25 },
    });
  });

  it('times the stages', async () => {
    const header = (await post({ history: [{ itemId: 'item-0000001' }] })).headers.get('server-timing')!;
    expect(header).toMatch(
      /^history;dur=[\d.]+, encode;dur=[\d.]+, filter;dur=[\d.]+, retrieve;dur=[\d.]+, respond;dur=[\d.]+$/,
    );
  });
});

describe('methods, origins and clients', () => {
  it('answers data that no browser takes for a page, and makes no rule for the rest of the domain', async () => {
    const { headers } = await get('/v1/release');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('strict-transport-security')).toBeNull();
  });

  it('answers HEAD like GET without a body, OPTIONS with what is allowed, and 405 otherwise', async () => {
    const head = await get('/v1/items/popular', { method: 'HEAD' });
    expect([head.status, await head.text(), head.headers.get('etag')]).toEqual([
      200,
      '',
      `W/"${fixture.releaseId}.1"`,
    ]);
    const options = await get('/v1/recommendations', { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'POST, OPTIONS']);
    for (const [method, path, allow] of [
      ['GET', '/v1/recommendations', 'POST, OPTIONS'],
      ['POST', '/v1/items/popular', 'GET, HEAD, OPTIONS'],
      ['DELETE', '/v1/items/x', 'GET, HEAD, OPTIONS'],
      ['PUT', '/healthz', 'GET, HEAD, OPTIONS'],
    ] as const) {
      const response = await get(path, { method });
      expect(response.headers.get('allow')).toBe(allow);
      await problem(response, 405);
    }
    await problem(get('/nowhere', { method: 'OPTIONS' }), 404);
  });

  it('lets configured origins in, and no other', async () => {
    const allowed = { corsOrigins: ['https://shop.example'] };
    const from = (origin: string, init: RequestInit = {}) =>
      get('/v1/items/popular', { ...init, headers: { origin, ...init.headers } }, allowed);
    expect((await from('https://shop.example')).headers.get('access-control-allow-origin')).toBe(
      'https://shop.example',
    );
    expect((await from('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
    expect(
      (await get('/v1/items/popular', { headers: { origin: 'https://shop.example' } })).headers.get(
        'access-control-allow-origin',
      ),
    ).toBeNull();
    const preflight = await from('https://shop.example', {
      method: 'OPTIONS',
      headers: { 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-methods')).toContain('POST');
    expect(preflight.headers.get('access-control-allow-headers')).toContain('content-type');
    const everyone = await get('/nope', { headers: { origin: 'https://a.example' } }, { corsOrigins: ['*'] });
    expect([everyone.status, everyone.headers.get('access-control-allow-origin')]).toEqual([404, '*']);
  });

  it('turns away a client that asks too much, saying when to come back', async () => {
    const asked: string[] = [];
    const admit = async (client: string): Promise<boolean> => asked.push(client) <= 1;
    const headers = { 'cf-connecting-ip': '192.0.2.1' };
    expect((await get('/v1/release', { headers }, { admit })).status).toBe(200);
    const refused = await get('/v1/release', { headers }, { admit });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await problem(refused, 429);
    expect((await get('/healthz', { headers }, { admit })).status).toBe(200);
    expect(asked).toEqual(['192.0.2.1', '192.0.2.1']);
  });

  it('answers a fault of its own with a 500 that tells nothing', async () => {
    const broken: Serving = { use: () => Promise.reject(new TypeError('secret detail')) };
    const { detail } = await problem(get('/v1/release', {}, { serving: broken }), 500);
    expect(detail).not.toContain('secret');
  });
});
