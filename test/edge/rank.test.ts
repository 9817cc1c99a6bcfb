import * as v from 'valibot';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openRanker, type RankerScorer } from '../../batch/export/ranker-scorer.ts';
import { releasedModel } from '../../batch/export/released-artifact.ts';
import { createApp } from '../../edge/app.ts';
import { operations } from '../../edge/operations.ts';
import { createBudget, retryEvery } from '../../edge/rank-budget.ts';
import type { Release } from '../../edge/release.ts';
import { limits, Problem, type RecommendationResponse } from '../../shared/api.ts';
import { contextNumbers } from '../../shared/features.ts';
import type { History } from '../../shared/history.ts';
import { placedRelease } from '../fixtures/placed.ts';
import { fixtureContext } from '../fixtures/ranker.ts';
import { type FixtureRelease, fixtureRelease } from '../fixtures/release.ts';

let fixture: FixtureRelease;
/** The same release without its ranker. */
let plain: Release;
let release: Release;
let scorer: RankerScorer;

beforeAll(async () => {
  fixture = await fixtureRelease({ items: 600, ranker: {} });
  release = await placedRelease(fixture);
  scorer = await openRanker(releasedModel(fixture.manifest, fixture.files).ranker!);
  const { ranker: _, ...manifest } = release.manifest;
  plain = { ...release, manifest, ranker: undefined };
});

afterEach(() => {
  vi.restoreAllMocks();
});

async function send(served: Release, path: string, body?: object): Promise<Response> {
  const app = createApp({
    serving: {
      use: async (_, work) =>
        work(served, { activatedAt: '2026-01-01T00:00:00.000Z', lastFailure: undefined }),
    },
    corsOrigins: [],
    cacheSeconds: 30,
  });
  const post = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
  return app.request(path, body && post);
}

async function ask(body: object, served: Release = release): Promise<RecommendationResponse> {
  const response = await send(served, '/v1/recommendations', body);
  expect(response.status).toBe(200);
  return v.parse(operations.recommend.answer, await response.json());
}

async function refusal(body: object): Promise<Problem['errors']> {
  const response = await send(release, '/v1/recommendations', body);
  expect(response.status).toBe(422);
  return v.parse(Problem, await response.json()).errors;
}

const idOf = (item: number): string => fixture.dataset.itemIds[item]!;
const itemOf = (itemId: string): number => fixture.dataset.itemIds.indexOf(itemId);
const ids = ({ items }: RecommendationResponse): string[] => items.map(({ itemId }) => itemId);

const eventsOf = (history: History) =>
  Array.from(history.items, (item, i) => ({
    itemId: idOf(item),
    kind: history.weights[i] === 1 ? 'purchase' : 'view',
    time: history.times[i]!,
  }));

/** The batch side's answer: the artifact's best 200, in the order of their probabilities. */
async function expected(history: History, context: Record<string, string>, limit: number) {
  const whole = await ask({ history: eventsOf(history), limit: Math.max(200, limit) }, plain);
  const candidates = Int32Array.from(ids(whole), itemOf);
  const numbers = contextNumbers(fixtureContext, context);
  const probabilities = await scorer.probabilities({ history, candidates, context: numbers });
  return Array.from(candidates, (item, i) => ({ item, score: probabilities[i]! }))
    .sort((a, b) => b.score - a.score || a.item - b.item)
    .slice(0, limit)
    .map(({ item, score }) => ({ itemId: idOf(item), score }));
}

const noHistory: History = {
  items: new Int32Array(0),
  times: new Float64Array(0),
  weights: new Float32Array(0),
};

describe('a release with a ranker', () => {
  it('answers the retrieved items in the order of the batch side’s probabilities', async () => {
    for (const [i, history] of fixture.histories.slice(0, 12).entries()) {
      const context = [{}, { daytime: 'noon' }, { device: 'desktop', daytime: 'night' }][i % 3]!;
      const limit = [1, 20, 300][i % 3]!;
      const answer = await ask({ history: eventsOf(history), context, limit });
      expect(answer).toMatchObject({ model: 'fixture-embedding', ranker: 'fixture-ranker', degraded: [] });
      expect(answer.items.map(({ itemId, score }) => ({ itemId, score }))).toEqual(
        await expected(history, context, limit),
      );
      expect(answer.items.every(({ source }) => source === 'model')).toBe(true);
    }
  });

  it('ranks popular items for somebody of whom nothing is known', async () => {
    const context = { daytime: 'evening' };
    const answer = await ask({ context, limit: 30 });
    expect(answer.items.map(({ itemId, score }) => ({ itemId, score }))).toEqual(
      await expected(noHistory, context, 30),
    );
    expect(answer.items.every(({ source }) => source === 'popularity')).toBe(true);
    expect(answer.degraded.map(({ stage }) => stage)).toEqual(['encode']);
    expect(answer.ranker).toBe('fixture-ranker');
  });

  it.each(['neighbours', 'none'] as const)(
    'ranks what is retrieved by an artifact of kind %s',
    async (kind) => {
      const other = await fixtureRelease({ items: 400, kind, ranker: {} });
      const placed = await placedRelease(other);
      await using released = await openRanker(releasedModel(other.manifest, other.files).ranker!);
      const history = other.histories[4]!;
      const answer = await ask({ history: eventsOf(history), limit: 350 }, placed);
      expect(answer.items.length).toBeGreaterThan(300);
      const candidates = Int32Array.from(ids(answer), (id) => other.dataset.itemIds.indexOf(id));
      const context = new Int32Array(fixtureContext.length);
      const scores = await released.probabilities({ history, candidates, context });
      expect(answer.items.map(({ score }) => score)).toEqual([...scores]);
      expect([...scores].sort((a, b) => b - a)).toEqual([...scores]);
      const sources = kind === 'none' ? ['popularity'] : ['model', 'popularity'];
      expect([...new Set(answer.items.map(({ source }) => source))].sort()).toEqual(sources);
    },
  );

  it('reads as many events as the ranker does, though the artifact reads another number', async () => {
    const short = { ...release, manifest: { ...release.manifest, maxHistory: 2 } };
    const history = eventsOf(fixture.histories[10]!);
    const early = [
      ...history.slice(0, -10).map((event) => ({ ...event, itemId: 'item-0000001' })),
      ...history.slice(-10),
    ];
    const answers = [
      await ask({ history, limit: 500 }, short),
      await ask({ history: early, limit: 500 }, short),
    ];
    expect(answers[0]!.items.length).toBeGreaterThan(400);
    expect(answers[0]!.items[0]!.score).not.toBe(answers[1]!.items[0]!.score);
  });

  it('is told in /v1/release', async () => {
    const response = await send(release, '/v1/release');
    const { ranker } = v.parse(operations.release.answer, await response.json());
    expect(ranker).toEqual({
      model: 'fixture-ranker',
      candidates: 200,
      context: fixtureContext,
      evaluation: fixture.ranker!.evaluation,
    });
    expect(await (await send(plain, '/v1/release')).json()).not.toHaveProperty('ranker');
  });

  it('times the stage', async () => {
    const stages = async (served: Release) =>
      ((await send(served, '/v1/recommendations', {})).headers.get('server-timing') ?? '').replaceAll(
        /;dur=[\d.]+/g,
        '',
      );
    expect(await stages(release)).toBe('history, encode, filter, retrieve, rank, respond');
    expect(await stages(plain)).toBe('history, encode, filter, retrieve, respond');
  });
});

describe('context', () => {
  const history = [{ itemId: 'item-0000001' }];

  it('changes the probabilities; a value that is not known counts as none', async () => {
    const plainly = await ask({ history });
    expect(await ask({ history, context: {} })).toEqual(plainly);
    expect(await ask({ history, context: { daytime: 'tea time' } })).toEqual(plainly);
    const morning = await ask({ history, context: { daytime: 'morning' } });
    expect(morning.items[0]!.score).not.toBe(plainly.items[0]!.score);
    expect(await ask({ history, context: { daytime: 'night' } })).not.toEqual(morning);
  });

  it('of a feature that does not exist is refused, and those that do are listed', async () => {
    expect(await refusal({ context: { daytime: 'noon', weather: 'rain' } })).toEqual([
      { path: 'context.weather', message: 'expected one of daytime, device, found another' },
    ]);
  });

  it('is bounded', async () => {
    const names = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, 'x']));
    expect(JSON.stringify(await refusal({ context: names(limits.context + 1) }))).toMatch(/<=32/);
    await refusal({ context: { daytime: 'x'.repeat(257) } });
    await refusal({ context: { ['x'.repeat(65)]: 'y' } });
    await refusal({ context: { daytime: 1 } });
    await refusal({ context: ['noon'] });
  });
});

describe('bids', () => {
  const history = [{ itemId: 'item-0000001' }];
  /** Two items that nobody would retrieve, and one that is. */
  const bidsOf = async () => {
    const retrieved = ids(await ask({ history, limit: 200 }, plain));
    const others = fixture.dataset.itemIds.slice(2).filter((itemId) => !retrieved.includes(itemId));
    return [
      { itemId: others[0]!, bid: 0.5 },
      { itemId: others[1]!, bid: 8 },
      { itemId: retrieved[10]!, bid: 2 },
    ];
  };

  it('order by what an item is worth, retrieved or not; without one by probability', async () => {
    const bids = await bidsOf();
    const answer = await ask({ history, bids, rankBy: 'expectedValue', limit: 200 });
    const first = answer.items.slice(0, 3);
    expect(first.map(({ itemId }) => itemId).sort()).toEqual(bids.map(({ itemId }) => itemId).sort());
    for (const { itemId, score, expectedValue, source } of first) {
      const { bid } = bids.find((each) => each.itemId === itemId)!;
      expect(expectedValue).toBe(score * bid);
      expect(source).toBe(itemId === bids[2]!.itemId ? 'model' : 'bid');
    }
    const values = first.map(({ expectedValue }) => expectedValue!);
    expect(values).toEqual(values.toSorted((a, b) => b - a));
    const rest = answer.items.slice(3);
    expect(rest.some(({ expectedValue }) => expectedValue !== undefined)).toBe(false);
    expect(rest.map(({ score }) => score)).toEqual(rest.map(({ score }) => score).toSorted((a, b) => b - a));
  });

  it('are candidates whatever the order is by', async () => {
    const bids = await bidsOf();
    const { items } = await ask({ history, bids, limit: 200 });
    expect(items.map(({ score }) => score)).toEqual(
      items.map(({ score }) => score).toSorted((a, b) => b - a),
    );
    expect(items.filter(({ source }) => source === 'bid').length).toBeGreaterThan(0);
    for (const { itemId, expectedValue } of items)
      expect(expectedValue !== undefined).toBe(bids.some((bid) => bid.itemId === itemId));
  });

  it('count the higher of two, and neither on what is excluded or unknown', async () => {
    const [one, two] = await bidsOf();
    const answer = await ask({
      history,
      bids: [one!, { ...one!, bid: 0.7 }, { ...one!, bid: 0.1 }, two!, { itemId: 'nothing', bid: 1 }],
      exclude: [two!.itemId],
      rankBy: 'expectedValue',
    });
    expect(answer.unknownItemIds).toEqual(['nothing']);
    expect(ids(answer)).not.toContain(two!.itemId);
    expect(answer.items[0]).toMatchObject({
      itemId: one!.itemId,
      expectedValue: 0.7 * answer.items[0]!.score,
    });
  });

  it('make no item an answer that the filter keeps out, and the others stay ranked', async () => {
    const bids = (await bidsOf()).map(({ itemId }) => ({ itemId, bid: 9 }));
    const priceOf = (itemId: string): number | undefined => fixture.dataset.attributes[itemOf(itemId)]?.price;
    const limit = Math.max(...bids.map(({ itemId }) => priceOf(itemId) ?? 0));
    const cheap = fixture.dataset.itemIds.filter((itemId) => (priceOf(itemId) ?? limit) < limit);
    const filter = { price: { $lt: limit } };
    const { items, ranker } = await ask({ history, bids, filter, rankBy: 'expectedValue', limit: 100 });
    expect(ranker).toBe('fixture-ranker');
    expect(items.filter(({ itemId }) => !cheap.includes(itemId))).toEqual([]);
    const wanted = bids.filter(({ itemId }) => cheap.includes(itemId));
    expect(wanted.length).toBeGreaterThan(0);
    expect(wanted.length).toBeLessThan(bids.length);
    expect(items.filter(({ expectedValue }) => expectedValue !== undefined)).toHaveLength(wanted.length);
    const rest = items.slice(wanted.length).map(({ score }) => score);
    expect(rest).toEqual(rest.toSorted((a, b) => b - a));
  });

  it('fit a request as long as it may be', async () => {
    const bids = Array.from({ length: limits.bids }, (_, i) => ({ itemId: idOf(i + 1), bid: i + 1 }));
    const { items } = await ask({ bids, limit: 500, rankBy: 'expectedValue' });
    expect(new Set(items.map(({ itemId }) => itemId)).size).toBe(500);
    expect(items.filter(({ expectedValue }) => expectedValue !== undefined)).toHaveLength(limits.bids);
    await refusal({ bids: [...bids, ...bids] });
    for (const bid of [-1, '1', 1e10, null]) await refusal({ bids: [{ itemId: 'item-0000001', bid }] });
    await refusal({ rankBy: 'price' });
  });
});

describe('without its ranker', () => {
  const history = [{ itemId: 'item-0000001' }, { itemId: 'item-0000009' }];
  const unranked = async (body: object) => ({ ...(await ask(body, plain)), degraded: expect.anything() });
  const withNetwork = (run: NonNullable<Release['ranker']>['network']['run'], limit = 1_000): Release => ({
    ...release,
    ranker: { network: { ...release.ranker!.network, run }, budget: createBudget(limit) },
  });

  it.each<[string, NonNullable<Release['ranker']>['network']['run']]>([
    ['throws', () => Promise.reject(new Error('no memory'))],
    ['yields too few', async () => ({ probabilities: new Float32Array(3), milliseconds: 1 })],
    [
      'yields what is no probability',
      async () => ({ probabilities: new Float32Array(200).fill(Number.NaN), milliseconds: 1 }),
    ],
    ['yields more than 1', async () => ({ probabilities: new Float32Array(200).fill(1.5), milliseconds: 1 })],
  ])('which %s, an answer has the model’s order and says so, uncached', async (_, run) => {
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const failing = withNetwork(run);
    const answer = await ask({ history, limit: 20 }, failing);
    expect(answer).toEqual(await unranked({ history, limit: 20 }));
    expect(answer.degraded).toEqual([{ stage: 'rank', fallback: 'model', reason: 'the ranker failed' }]);
    expect((await ask({ limit: 20 }, failing)).degraded).toEqual([
      expect.objectContaining({ stage: 'encode', fallback: 'popularity' }),
      { stage: 'rank', fallback: 'popularity', reason: 'the ranker failed' },
    ]);
    const cached = await send(failing, '/v1/items/item-0000001/similar');
    expect(cached.headers.get('cache-control')).toBe('no-store');
  });

  it('which is too slow, it goes on without, tries again, and comes back when that is quick', async () => {
    let milliseconds = 30;
    const slow = withNetwork(
      async (feeds) => ({ ...(await release.ranker!.network.run(feeds)), milliseconds }),
      10,
    );
    const skipped = async (): Promise<boolean> => {
      const { degraded, ranker } = await ask({ history }, slow);
      expect(degraded.length === 0).toBe(ranker !== undefined);
      for (const found of degraded)
        expect(found).toEqual({
          stage: 'rank',
          fallback: 'model',
          reason: 'the ranker is over its time budget',
        });
      return degraded.length > 0;
    };
    const answers = async (count: number): Promise<number> => {
      let ranked = 0;
      for (let i = 0; i < count; i++) ranked += Number(!(await skipped()));
      return ranked;
    };
    expect(await answers(20), 'until the mean is over the budget').toBeLessThan(10);
    expect(await answers(2 * retryEvery), 'while it is').toBe(2);
    milliseconds = 2;
    expect(await answers(retryEvery), 'from the next attempt on').toBeGreaterThan(0);
    expect(await answers(10)).toBe(10);
  });

  it('which it never had, a release says so to whoever asks for one, and to nobody else', async () => {
    const degraded = [{ stage: 'rank', fallback: 'model', reason: 'the release has no ranker' }];
    for (const asked of [{ context: { daytime: 'noon' } }, { bids: [] }, { rankBy: 'probability' }])
      expect(await ask({ history, ...asked }, plain)).toEqual({
        ...(await ask({ history }, plain)),
        degraded,
      });
    expect((await ask({ history }, plain)).degraded).toEqual([]);
    expect(await ask({ history }, plain)).not.toHaveProperty('ranker');
  });
});

describe('a budget', () => {
  it('forgives one slow run, and none that repeats', () => {
    const budget = createBudget(50);
    budget.note(300);
    expect(budget.allows()).toBe(true);
    budget.note(300);
    expect(budget.allows()).toBe(false);
  });

  it('is never exceeded where the clock stands still', () => {
    const budget = createBudget(1);
    for (let i = 0; i < 100; i++) {
      budget.note(0);
      expect(budget.allows()).toBe(true);
    }
  });

  it('lets one in fifty try again, and what it costs then counts alone', () => {
    const budget = createBudget(10);
    budget.note(10_000);
    const allowed = Array.from({ length: 2 * retryEvery }, () => budget.allows());
    expect(allowed.filter(Boolean)).toHaveLength(2);
    budget.note(2);
    expect(budget.allows()).toBe(true);
  });
});
