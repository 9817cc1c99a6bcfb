import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../edge/app.ts';
import { Problem, RecommendationResponse, ReleaseResponse } from '../../shared/api.ts';
import type { ItemAttributes } from '../../shared/catalogue.ts';
import type { Filter } from '../../shared/filter.ts';
import { placedRelease } from '../fixtures/placed.ts';
import { type FixtureOptions, fixtureRelease } from '../fixtures/release.ts';

const items = 4_000;

/** Every tenth item has nothing; brand `rare` has the 30 least popular items that have anything. */
const attributesOf = (row: number): ItemAttributes | undefined =>
  row % 10 === 0
    ? undefined
    : {
        title: `item ${row}`,
        categories: [['red', 'green', 'blue'][row % 3]!, row % 2 === 0 ? 'even' : 'odd'],
        price: row % 100,
        available: row % 7 !== 0,
        brand: rare.has(row) ? 'rare' : 'usual',
      };
const popularity = (row: number): number => 1_000 / (1 + ((row * 7919) % (items + 1)));
const rare = new Set(
  Array.from({ length: items }, (_, i) => i + 1)
    .filter((row) => row % 10 !== 0)
    .sort((a, b) => popularity(a) - popularity(b))
    .slice(0, 30),
);

async function serve(options: FixtureOptions = {}) {
  const fixture = await fixtureRelease({ items, attributes: attributesOf, ...options });
  const release = await placedRelease(fixture);
  const state = { activatedAt: '2026-01-01T00:00:00.000Z', lastFailure: undefined };
  const app = createApp({
    serving: { use: async (_waitUntil, work) => work(release, state) },
    corsOrigins: [],
    cacheSeconds: 30,
  });
  const rowOf = (itemId: string): number => fixture.dataset.itemIds.indexOf(itemId);
  const rowsOf = async (response: Response | Promise<Response>): Promise<number[]> => {
    const answer = v.parse(RecommendationResponse, await (await response).json());
    return answer.items.map(({ itemId }) => rowOf(itemId));
  };
  const post = (body: object): Response | Promise<Response> =>
    app.request('/v1/recommendations', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  return { fixture, app, post, rowsOf };
}

const cheapAndRed: Filter = { price: { $lt: 30 }, categories: 'red', $not: { available: false } };
const isCheapAndRed = (row: number): boolean =>
  row % 10 !== 0 && row % 100 < 30 && row % 3 === 0 && row % 7 !== 0;
const history = Array.from({ length: 12 }, (_, i) => ({
  itemId: `item-${String(1 + 31 * i).padStart(7, '0')}`,
}));

describe.each(['embedding', 'neighbours', 'none'] as const)('filtered answers of kind %s', (kind) => {
  let served: Awaited<ReturnType<typeof serve>>;
  beforeAll(async () => {
    served = await serve({ kind });
  });

  it('hold the best items that pass, and no others', async () => {
    const { fixture, post, rowsOf } = served;
    const everything = await rowsOf(post({ history, limit: 500 }));
    const found = await rowsOf(post({ history, limit: 20, filter: cheapAndRed }));
    expect(found).toHaveLength(20);
    expect(found.every(isCheapAndRed)).toBe(true);
    // What a longer answer without the filter has of them stands first, in the same order.
    const first = everything.filter(isCheapAndRed).slice(0, 20);
    expect(found.slice(0, first.length)).toEqual(first);
    expect(fixture.manifest.columns?.entries.map(({ name }) => name)).toEqual([
      'available',
      'brand',
      'categories',
      'price',
    ]);
  });

  it('are never short while enough items pass, however unpopular', async () => {
    const { app, post, rowsOf } = served;
    const filter = { brand: 'rare' };
    for (const response of [
      post({ history, limit: 30, filter, excludeHistory: false }),
      post({ history: [], limit: 30, filter }),
      app.request(`/v1/items/popular?limit=30&filter=${encodeURIComponent(JSON.stringify(filter))}`),
    ]) {
      const rows = await rowsOf(response);
      expect(rows.toSorted((a, b) => a - b)).toEqual([...rare].sort((a, b) => a - b));
    }
    expect(await rowsOf(post({ history, filter: { $and: [filter, { brand: 'usual' }] } }))).toEqual([]);
  });

  it('leave out the excluded, and leave nothing behind for the next request', async () => {
    const { post, rowsOf } = served;
    const plain = await rowsOf(post({ history, limit: 50 }));
    const [first] = await rowsOf(post({ history, limit: 1, filter: cheapAndRed }));
    const exclude = [`item-${String(first).padStart(7, '0')}`];
    const others = await rowsOf(post({ history, limit: 20, filter: cheapAndRed, exclude }));
    expect(others).not.toContain(first);
    expect(others.every(isCheapAndRed)).toBe(true);
    const several = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        rowsOf(post({ history, limit: 20, filter: { categories: ['red', 'green', 'blue'][i % 3] } })),
      ),
    );
    for (const [i, rows] of several.entries()) expect(rows.every((row) => row % 3 === i % 3)).toBe(true);
    expect(await rowsOf(post({ history, limit: 50 }))).toEqual(plain);
  });
});

describe('filters over HTTP', () => {
  it('work for similar items', async () => {
    const { app, rowsOf } = await serve();
    const filter = encodeURIComponent(JSON.stringify(cheapAndRed));
    const rows = await rowsOf(app.request(`/v1/items/${history[0]!.itemId}/similar?filter=${filter}`));
    expect(rows).toHaveLength(20);
    expect(rows.every(isCheapAndRed)).toBe(true);
  });

  it('are refused with what there is to filter by', async () => {
    const { app, post } = await serve();
    const problem = async (response: Response | Promise<Response>) => {
      const found = await response;
      return { status: found.status, detail: v.parse(Problem, await found.json()).detail };
    };
    expect(await problem(post({ history, filter: { colour: 'red' } }))).toEqual({
      status: 400,
      detail:
        'filter: colour: expected an attribute of this release: available (boolean), brand (string), categories (strings), price (number)',
    });
    expect(await problem(post({ history, filter: { price: '3' } }))).toMatchObject({ status: 400 });
    expect(await problem(post({ history, filter: 'price < 3' }))).toMatchObject({ status: 422 });
    const url = '/v1/items/popular?filter=';
    expect(await problem(app.request(`${url}nonsense`))).toMatchObject({ status: 422 });
    expect(await problem(app.request(`${url}%7B%22size%22%3A1%7D`))).toMatchObject({ status: 400 });
    const { attributes } = v.parse(ReleaseResponse, await (await app.request('/v1/release')).json());
    expect(attributes).toEqual({
      available: 'boolean',
      brand: 'string',
      categories: 'strings',
      price: 'number',
    });
  });

  it('say so where no item has an attribute', async () => {
    const { post } = await serve({ attributes: () => undefined });
    const response = await post({ history, filter: { price: 1 } });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('no attribute at all');
    expect((await post({ history })).status).toBe(200);
  });
});
