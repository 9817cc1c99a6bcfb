import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EvaluationConfig } from '../../../batch/config.ts';
import { compare } from '../../../batch/evaluate/compare.ts';
import { evaluate, primaryMetric } from '../../../batch/evaluate/evaluate.ts';
import type { Evaluation } from '../../../batch/evaluate/evaluation.ts';
import { usersPerItem } from '../../../batch/evaluate/exposure.ts';
import type { Model, Query } from '../../../batch/recommender.ts';
import { datasetOf, setOf } from './data.ts';

/**
 * Two rankings of Online Retail whose scores are whole numbers, so that they are the same in any language, measured
 * here and by other people's code. Origin of the pinned figures: ranx 0.3.21 (Python) for recall, ndcg, hit and mrr;
 * numpy 2.4.6 for map over min(k, relevant), truncated recall, novelty, coverage, and for the bootstrap intervals of
 * 20,000 resamples. Each customer's last invoice (ties by number) holds the targets, without what was bought before;
 * customers with 5 different earlier items; equal scores by stock code.
 */
const pinned = {
  popularity: {
    'recall@10': 0.02220415111523637,
    'ndcg@10': 0.033111617856446146,
    'hit@10': 0.21541010770505387,
    'mrr@10': 0.07934206546468352,
    'map@10': 0.012622013268009342,
    'novelty@10': 3.1492416858673096,
    'coverage@10': 0.019950806231210712,
    'recall@20': 0.040612307506531074,
    'ndcg@20': 0.03781749795184205,
    'hit@20': 0.34548467274233635,
    'mrr@20': 0.0884367984919207,
    'map@20': 0.011208995264792965,
    'novelty@20': 3.3374924659729004,
    'coverage@20': 0.03662202787646898,
  },
  coOccurrence: {
    'recall@10': 0.033326881405251786,
    'ndcg@10': 0.04842696254020294,
    'hit@10': 0.2618061309030654,
    'mrr@10': 0.10857021212240764,
    'map@10': 0.0212856048783624,
    'novelty@10': 3.24910306930542,
    'coverage@10': 0.046187482918830285,
    'recall@20': 0.057131251826054316,
    'ndcg@20': 0.053592457712616226,
    'hit@20': 0.39395194697597347,
    'mrr@20': 0.1174223960122011,
    'map@20': 0.019368389686344634,
    'novelty@20': 3.418260335922241,
    'coverage@20': 0.06996447116698551,
  },
} as const;
const pinnedTruncatedRecall = { 'recall@10': 0.050595895635249404, 'recall@20': 0.06505627498866114 };

const config: EvaluationConfig = {
  at: [10, 20],
  primary: 'ndcg@20',
  recallDenominator: 'relevant',
  bootstrapSamples: 1_000,
};

const sample = path.resolve(import.meta.dirname, '../../../batch/data/sample/online-retail.parquet');

/** Users' baskets in time order, users and items numbered by id. */
async function readBaskets(): Promise<{ items: number; users: number[][][] }> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(
    `SELECT dense_rank() OVER (ORDER BY CustomerID)::INT AS userNumber, InvoiceNo, dense_rank() OVER (ORDER BY StockCode)::INT AS item
     FROM '${sample}' WHERE CustomerID IS NOT NULL AND Quantity > 0 AND UnitPrice > 0
       AND NOT starts_with(InvoiceNo, 'C') AND regexp_matches(StockCode, '^[0-9]{5}')
     ORDER BY userNumber, max(InvoiceDate) OVER (PARTITION BY InvoiceNo), InvoiceNo`,
  );
  const users: number[][][] = [];
  let items = 0;
  let invoice = '';
  for (const [user, number, item] of reader.getRows() as [number, string, number][]) {
    users[user - 1] ??= [];
    if (number !== invoice) users[user - 1]!.push([]);
    invoice = number;
    users[user - 1]!.at(-1)!.push(item);
    items = Math.max(items, item);
  }
  connection.closeSync();
  instance.closeSync();
  return { items: items + 1, users };
}

/** Σ over the history's different items of the number of users who have both: whole numbers. */
function coOccurrenceScore(histories: readonly (readonly number[])[], items: number): Model['score'] {
  const both = new Float32Array(items * items);
  for (const history of histories) for (const a of history) for (const b of history) both[a * items + b]!++;
  for (let item = 0; item < items; item++) both[item * items + item] = 0;
  const known = new WeakMap<Query, Float32Array>();
  return async (queries) =>
    queries.map((query) => {
      const scores = known.get(query) ?? new Float32Array(items);
      if (known.has(query)) return scores;
      for (const item of new Set(query.history.items)) {
        const row = both.subarray(item * items, (item + 1) * items);
        for (let other = 0; other < items; other++) scores[other]! += row[other]!;
      }
      known.set(query, scores);
      return scores;
    });
}

async function prepare() {
  const { items, users } = await readBaskets();
  const histories = users.map((baskets) => [...new Set(baskets.slice(0, -1).flat())]);
  const pairs = users.flatMap((baskets, user) => {
    const history = histories[user]!;
    const targets = [...new Set(baskets.at(-1))].filter((item) => !history.includes(item));
    return history.length >= 5 && targets.length > 0 ? [{ history, targets }] : [];
  });
  const train = datasetOf(histories, items);
  const popularity = Float32Array.from(usersPerItem(train));
  return {
    train,
    set: setOf(pairs),
    popularity: (async (queries) => queries.map(() => popularity)) satisfies Model['score'] as Model['score'],
    coOccurrence: coOccurrenceScore(histories, items),
  };
}

describe('Online Retail, against independent implementations', () => {
  let data: Awaited<ReturnType<typeof prepare>>;
  let popularity: Evaluation;
  let coOccurrence: Evaluation;

  beforeAll(async () => {
    data = await prepare();
    const context = { train: data.train, seed: 7, signal: new AbortController().signal };
    popularity = await evaluate(data.popularity, data.set, config, context);
    coOccurrence = await evaluate(data.coOccurrence, data.set, config, context);
  }, 120_000);

  it('is asked the same questions', () => {
    expect([data.set.queries.length, data.train.userIds.length, data.train.itemIds.length]).toEqual([
      2414, 4334, 3660,
    ]);
  });

  it.each(Object.entries(pinned.popularity))('popularity %s = %d', (key, expected) => {
    expect(popularity.metrics[key]!.value).toBeCloseTo(expected, 6);
  });

  it.each(Object.entries(pinned.coOccurrence))('co-occurrence %s = %d', (key, expected) => {
    expect(coOccurrence.metrics[key]!.value).toBeCloseTo(expected, 6);
  });

  it('recall over min(k, relevant)', async () => {
    for (const [primary, expected] of Object.entries(pinnedTruncatedRecall)) {
      const truncated = { primary, recallDenominator: 'truncated' } as const;
      expect(await primaryMetric(data.coOccurrence, data.set, truncated)).toBeCloseTo(expected, 6);
    }
  });

  it('intervals agree with 20,000 resamples by numpy to a tenth of their width', () => {
    const { lower, upper } = popularity.metrics['ndcg@20']!;
    expect(Math.abs(lower - 0.035050724354089666)).toBeLessThan(0.0006);
    expect(Math.abs(upper - 0.040694636376545856)).toBeLessThan(0.0006);
  });

  it('the paired difference too, and it is far from chance', () => {
    const difference = compare(coOccurrence, popularity, { samples: 1_000, seed: 7 })['ndcg@20']!;
    expect(difference.value).toBeCloseTo(0.01577495976077417, 6);
    expect(Math.abs(difference.lower - 0.01322586)).toBeLessThan(0.0005);
    expect(Math.abs(difference.upper - 0.01847725)).toBeLessThan(0.0005);
    expect(difference.pValue).toBeLessThan(0.003);
  });

  it('the fast mean for early stopping is the same number', async () => {
    expect(await primaryMetric(data.coOccurrence, data.set, config)).toBeCloseTo(
      coOccurrence.metrics['ndcg@20']!.value,
      12,
    );
  });

  it('slices part the queries by history and the targets by popularity', () => {
    const [byHistory, byPopularity] = coOccurrence.slices;
    const queries = byHistory!.slices.map((slice) => slice.queries);
    expect(queries.reduce((sum, count) => sum + count)).toBe(2414);
    const weighted = byHistory!.slices.reduce((sum, slice) => sum + slice.estimate.value * slice.queries, 0);
    expect(weighted / 2414).toBeCloseTo(coOccurrence.metrics['ndcg@20']!.value, 6);
    const [head, , tail] = byPopularity!.slices.map((slice) => slice.estimate.value);
    expect(head!).toBeGreaterThan(tail! * 5);
  });
});
