import * as v from 'valibot';
import { FitError } from '../../shared/errors.ts';
import type { Dataset } from '../data/dataset.ts';
import { defineRecommender, type Model } from '../recommender.ts';
import { bestOf } from './best-of.ts';
import { scoreEach } from './score-each.ts';

export const PopularityOptions = v.strictObject({
  /** Days after which an event counts half; null: all count alike. Left out, validation chooses. */
  halfLifeDays: v.optional(v.nullable(v.pipe(v.number(), v.gtValue(0)))),
});
export type PopularityOptions = v.InferOutput<typeof PopularityOptions>;

const secondsPerDay = 86_400;
const halfLives = [null, 365, 90, 30, 7] as const;

/**
 * [items] how many users interacted with each item: a user counts once an item, with the largest value among their
 * events on it, weight · 2^(−age / half-life). Ages count back from the newest event; events without time, and all
 * events where there is no half-life, do not age. Index 0 is 0.
 */
export function popularityScores(dataset: Dataset, options: PopularityOptions): Float32Array {
  const halfLife = (options.halfLifeDays ?? Number.POSITIVE_INFINITY) * secondsPerDay;
  const newest = dataset.times.reduce((latest, time) => Math.max(latest, time), 0);
  const sums = new Float64Array(dataset.itemIds.length);
  const largest = new Map<number, number>();
  for (let user = 0; user < dataset.userIds.length; user++) {
    largest.clear();
    for (let event = dataset.offsets[user]!; event < dataset.offsets[user + 1]!; event++) {
      const time = dataset.times[event]!;
      const decay = time > 0 ? 2 ** ((time - newest) / halfLife) : 1;
      const item = dataset.items[event]!;
      largest.set(item, Math.max(largest.get(item) ?? 0, dataset.weights[event]! * decay));
    }
    for (const [item, value] of largest) sums[item]! += value;
  }
  return Float32Array.from(sums);
}

/** The same answer for everybody: what most users chose, lately if a half-life says so. */
export const popularity = defineRecommender({
  name: 'popularity',
  baseline: true,
  options: PopularityOptions,
  async fit(train, options, run) {
    if (train.items.length === 0) throw new FitError('popularity: expected events, found none');
    const [first, ...others] = options.halfLifeDays === undefined ? halfLives : [options.halfLifeDays];
    return bestOf([first, ...others], (halfLifeDays) => fitOne(train, { halfLifeDays }), run);
  },
});

function fitOne(train: Dataset, options: PopularityOptions): Model {
  const scores = popularityScores(train, options);
  return {
    fittedOptions: options,
    score: scoreEach(() => scores.slice()),
    export: async () => ({ kind: 'none' }),
    [Symbol.dispose]() {},
  };
}
