import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EvaluationConfig } from '../../../batch/config.ts';
import { compare } from '../../../batch/evaluate/compare.ts';
import { type EvaluationContext, evaluate, primaryMetric } from '../../../batch/evaluate/evaluate.ts';
import type { Model } from '../../../batch/recommender.ts';
import { DataError } from '../../../shared/errors.ts';
import { datasetOf, setOf } from './data.ts';

const config: EvaluationConfig = {
  at: [1, 3],
  primary: 'ndcg@3',
  recallDenominator: 'relevant',
  bootstrapSamples: 200,
};

const contextOf = (histories: readonly (readonly number[])[], items: number): EvaluationContext => ({
  train: datasetOf(histories, items),
  seed: 1,
  signal: new AbortController().signal,
});

const scoreOf =
  (rows: readonly (readonly number[])[]): Model['score'] =>
  async (queries) =>
    // A query's first history item says which row of scores is its own.
    queries.map(({ history }) => Float32Array.from(rows[history.items[0]! - 1]!));

/** The whole evaluation once more, by sorting everything and looking each target up. */
function naive(
  rows: readonly (readonly number[])[],
  pairs: readonly { readonly history: readonly number[]; readonly targets: readonly number[] }[],
  excludeHistory: boolean,
  k: number,
) {
  const lists = pairs.map(({ history }) =>
    rows[history[0]! - 1]!.map((score, item) => ({ score: Math.fround(score), item }))
      .filter(
        ({ score, item }) =>
          item > 0 && Number.isFinite(score) && !(excludeHistory && history.includes(item)),
      )
      .sort((a, b) => (a.score === b.score ? a.item - b.item : b.score - a.score))
      .slice(0, k)
      .map(({ item }) => item),
  );
  const average = (of: (list: readonly number[], targets: readonly number[]) => number): number =>
    lists.reduce((sum, list, at) => sum + of(list, pairs[at]!.targets), 0) / pairs.length;
  const gain = (at: number): number => Math.LN2 / Math.log(at + 2);
  const ideal = (count: number): number =>
    Array.from({ length: Math.min(k, count) }, (_, at) => gain(at)).reduce((a, b) => a + b, 0);
  return {
    [`recall@${k}`]: average(
      (list, targets) => targets.filter((t) => list.includes(t)).length / targets.length,
    ),
    [`hit@${k}`]: average((list, targets) => (targets.some((t) => list.includes(t)) ? 1 : 0)),
    [`mrr@${k}`]: average((list, targets) => {
      const first = list.findIndex((item) => targets.includes(item));
      return first < 0 ? 0 : 1 / (first + 1);
    }),
    [`ndcg@${k}`]: average(
      (list, targets) =>
        list.reduce((sum, item, at) => sum + (targets.includes(item) ? gain(at) : 0), 0) /
        ideal(targets.length),
    ),
    [`coverage@${k}`]: new Set(lists.flat()).size / (rows[0]!.length - 1),
  };
}

const items = 9;
const item = fc.integer({ min: 1, max: items - 1 });
const aScore = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -2, max: 2 }) },
  { weight: 2, arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity) },
);
const evaluations = fc.record({
  rows: fc.array(fc.array(aScore, { minLength: items, maxLength: items }), { minLength: 8, maxLength: 8 }),
  pairs: fc.array(
    fc.record({
      history: fc.array(item, { minLength: 1, maxLength: 6 }),
      targets: fc.uniqueArray(item, { minLength: 1, maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 12 },
  ),
  excludeHistory: fc.boolean(),
});

describe('evaluate', () => {
  it('agrees with sorting everything: ties, scores that are not finite, left-out histories', async () => {
    await fc.assert(
      fc.asyncProperty(evaluations, async ({ rows, pairs, excludeHistory }) => {
        const set = setOf(pairs, excludeHistory);
        const { metrics } = await evaluate(scoreOf(rows), set, config, contextOf([[1], [2, 3]], items));
        for (const [key, expected] of Object.entries(naive(rows, pairs, excludeHistory, 3))) {
          expect(metrics[key]!.value, key).toBeCloseTo(expected, 6);
        }
        const primary = await primaryMetric(scoreOf(rows), set, config);
        expect(primary).toBeCloseTo(metrics['ndcg@3']!.value, 12);
      }),
    );
  });

  it('ranks only the candidates of a set that has some', async () => {
    const sets = fc.uniqueArray(item, { minLength: 1 }).map((own) => Int32Array.from(own).sort());
    await fc.assert(
      fc.asyncProperty(evaluations, sets, async ({ rows, pairs, excludeHistory }, candidates) => {
        const set = { ...setOf(pairs, excludeHistory), candidates };
        const { metrics } = await evaluate(scoreOf(rows), set, config, contextOf([[1], [2, 3]], items));
        const within = rows.map((row) =>
          row.map((score, at) => (candidates.includes(at) ? score : Number.NaN)),
        );
        for (const [key, expected] of Object.entries(naive(within, pairs, excludeHistory, 3))) {
          expect(metrics[key]!.value, key).toBeCloseTo(expected, 6);
        }
      }),
    );
  });

  it('asks for chunks, and the size of a chunk does not show in the result', async () => {
    const pairs = Array.from({ length: 1_300 }, (_, at) => ({
      history: [1 + (at % 8)],
      targets: [1 + ((at * 5) % 8)],
    }));
    const rows = Array.from({ length: 8 }, (_, row) =>
      Array.from({ length: items }, (_, at) => (at * (row + 3)) % 7),
    );
    const sizes: number[] = [];
    const score: Model['score'] = (queries) => {
      sizes.push(queries.length);
      return scoreOf(rows)(queries);
    };
    const { metrics } = await evaluate(score, setOf(pairs), config, contextOf([[1]], items));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(512);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(1_300);
    for (const [key, expected] of Object.entries(naive(rows, pairs, true, 3))) {
      expect(metrics[key]!.value, key).toBeCloseTo(expected, 6);
    }
  });

  it('intervals hold the value, shrink to it when every query agrees, and repeat with the seed', async () => {
    const pairs = Array.from({ length: 40 }, (_, at) => ({ history: [1 + (at % 2)], targets: [3] }));
    const rows = [Array.from({ length: items }, (_, at) => (at === 3 ? 1 : 0)), new Array(items).fill(0)];
    const context = contextOf([[1, 3], [2]], items);
    const once = await evaluate(scoreOf(rows), setOf(pairs), config, context);
    const { value, lower, upper } = once.metrics['mrr@1']!;
    expect(value).toBe(0.5);
    expect(lower).toBeGreaterThan(0.25);
    expect(lower).toBeLessThan(0.5);
    expect(upper).toBeGreaterThan(0.5);
    expect(upper).toBeLessThan(0.75);
    expect(once.metrics['hit@3']).toEqual({ value: 1, lower: 1, upper: 1 });
    expect(await evaluate(scoreOf(rows), setOf(pairs), config, context)).toEqual(once);
  });

  it('novelty is the mean self-information of what is shown, in bits', async () => {
    // Item 1: 4 of 4 users, 0 bits. Item 2: 2 of 4, 1 bit. Item 3: 1 of 4, 2 bits. Item 4: nobody, as item 3.
    const context = contextOf([[1, 1], [1, 2], [1, 2, 3], [1]], 5);
    const set = setOf([{ history: [1], targets: [4] }], false);
    const { metrics } = await evaluate(
      scoreOf([[0, 4, 3, 2, 1]]),
      set,
      { ...config, at: [1, 2, 4] },
      context,
    );
    expect(metrics['novelty@1']!.value).toBe(0);
    expect(metrics['novelty@2']!.value).toBe(0.5);
    expect(metrics['novelty@4']!.value).toBe(1.25);
    expect(metrics['coverage@2']!.value).toBe(0.5);
  });

  it('stops when it is told to', async () => {
    const controller = new AbortController();
    const set = setOf(Array.from({ length: 1_000 }, () => ({ history: [1], targets: [2] })));
    const context = {
      ...contextOf([[1]], items),
      signal: controller.signal,
      progress: () => controller.abort(),
    };
    const score = scoreOf([new Array(items).fill(0)]);
    await expect(evaluate(score, set, config, context)).rejects.toThrow('aborted');
  });
});

describe('slices', () => {
  const price = (at: number) =>
    at === 8 ? undefined : { price: at, categories: at < 4 ? ['toys'] : ['tools', 'toys'] };
  const pairs = [
    { history: [], targets: [2] },
    { history: [1], targets: [2, 8] },
    { history: [1, 1, 3], targets: [5] },
    { history: [1, 3, 4], targets: [6, 7] },
  ];
  const train = datasetOf([[1, 2], [1, 2], [1, 5], [3]], items, price);
  const score: Model['score'] = async (queries) =>
    queries.map(() => Float32Array.from({ length: items }, (_, at) => -at));
  const slicesBy = async (sliceBy: 'price' | 'categories') => {
    const context = { train, seed: 1, signal: new AbortController().signal };
    const evaluation = await evaluate(score, setOf(pairs), { ...config, primary: 'hit@1', sliceBy }, context);
    return Object.fromEntries(
      evaluation.slices.map(({ by, slices }) => [
        by,
        slices.map(({ label, queries, estimate }) => [label, queries, estimate.value]),
      ]),
    );
  };

  it('by history length, an empty history apart', async () => {
    expect((await slicesBy('price'))['Events in the history']).toEqual([
      ['0', 1, 0],
      ['1', 1, 1],
      ['3', 2, 0],
    ]);
  });

  it('by popularity: head, middle and tail hold a third of the user–item pairs each', async () => {
    // Users per item: 1 → 3, 2 → 2, 3 and 5 → 1; 7 pairs.
    expect((await slicesBy('price'))['Popularity of the item']).toEqual([
      ['middle (1 item)', 2, 0.5],
      ['tail (6 items)', 3, 0],
    ]);
  });

  it('by price: quartiles of the targets, unknown apart; other targets of the query do not count', async () => {
    expect((await slicesBy('price'))['Price of the item']).toEqual([
      ['2', 2, 0.5],
      ['5', 1, 0],
      ['6', 1, 0],
      ['7', 1, 0],
      ['unknown', 1, 0],
    ]);
  });

  it('by category: a target counts in each of its categories', async () => {
    expect((await slicesBy('categories'))['Category of the item']).toEqual([
      ['toys', 4, 0.25],
      ['tools', 2, 0],
      ['others', 1, 0],
    ]);
  });
});

describe('compare', () => {
  const pairs = Array.from({ length: 60 }, (_, at) => ({ history: [1 + (at % 3)], targets: [4] }));
  const right = Array.from({ length: items }, (_, at) => (at === 4 ? 1 : 0));
  const wrong = Array.from({ length: items }, (_, at) => (at === 4 ? -1 : 0));
  const run = (rows: readonly (readonly number[])[], asked = pairs) =>
    evaluate(scoreOf(rows), setOf(asked), config, contextOf([[1]], items));
  const bootstrap = { samples: 500, seed: 3 };

  it('of a model with itself is nothing at all', async () => {
    const same = await run([right, wrong, right]);
    expect(compare(same, same, bootstrap)['ndcg@3']).toEqual({ value: 0, lower: 0, upper: 0, pValue: 1 });
  });

  it('is antisymmetric, and certain where every query agrees', async () => {
    const [good, bad] = [await run([right, right, right]), await run([wrong, wrong, wrong])];
    expect(compare(good, bad, bootstrap)['ndcg@3']).toEqual({
      value: 1,
      lower: 1,
      upper: 1,
      pValue: 2 / 501,
    });
    expect(compare(bad, good, bootstrap)['ndcg@3']!.value).toBe(-1);
  });

  it('is the mean of the differences of each query, with their spread', async () => {
    const half = await run([right, wrong, wrong]);
    const more = await run([right, right, wrong]);
    const difference = compare(more, half, bootstrap)['hit@1']!;
    expect(difference.value).toBeCloseTo(1 / 3, 6);
    expect(difference.lower).toBeGreaterThan(0.2);
    expect(difference.upper).toBeLessThan(0.47);
  });

  it('refuses evaluations of other queries', async () => {
    const other = await run([right, right, right], pairs.slice(1));
    const all = await run([right, right, right]);
    expect(() => compare(all, other, bootstrap)).toThrow(DataError);
  });
});
