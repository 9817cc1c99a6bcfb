import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '../../../batch/data/ingest.ts';
import { splitDataset } from '../../../batch/data/split.ts';
import { evaluate } from '../../../batch/evaluate/evaluate.ts';
import { parseConfig } from '../../../batch/load-config.ts';
import { adamicAdar } from '../../../batch/models/common-neighbours.ts';
import { friends } from '../../../batch/models/friends.ts';
import { decompose, evidence, regressionVectors } from '../../../batch/models/friends-vectors.ts';
import type { Recommender } from '../../../batch/recommender.ts';
import { gramRows } from '../../../batch/training/sparse.ts';
import { invertPositiveDefinite } from '../../../batch/training/symmetric-inverse.ts';
import lastfm from '../../../examples/lastfm-friends.config.ts';
import { FitError } from '../../../shared/errors.ts';
import { datasetOf, queryOf, quietRun } from '../../fixtures/dataset.ts';
import { friendsOf, randomFriendships } from '../../fixtures/friends.ts';
import { contextIn, isMissing, publicData } from '../../fixtures/sources.ts';

const fitted = <Options>(recommender: Recommender<Options>, train = circles, options: unknown = {}) =>
  recommender.fit(train, v.parse(recommender.options, options), quietRun());
const circles = randomFriendships(40, 160, 4);

describe('friends', () => {
  it('is EASE of its evidence where no direction is cut', async () => {
    const options = { dimensions: 48, self: 2, damping: 0.5, commonItems: 0 };
    const ridge = 3;
    const { history, items } = regressionVectors(decompose(circles, options, 1), { ridge, correction: 1 });
    const matrix = evidence(circles, options);
    const size = matrix.columns;
    const inverse = new Float32Array(size * size);
    const gramRow = gramRows(matrix);
    for (let i = 0; i < size; i++) {
      gramRow(i, (j, sum) => {
        inverse[i * size + j] = sum;
      });
      inverse[i * size + i]! += ridge;
    }
    await invertPositiveDefinite(inverse, size);
    let largest = 0;
    for (let i = 1; i < size; i++) {
      for (let j = 1; j < size; j++) {
        if (i === j) continue;
        const dot = history
          .subarray(i * 48, (i + 1) * 48)
          .reduce((sum, value, k) => sum + value * items[j * 48 + k]!, 0);
        const weight = -inverse[i * size + j]! / inverse[j * size + j]!;
        expect(dot).toBeCloseTo(weight, 4);
        largest = Math.max(largest, Math.abs(weight));
      }
    }
    expect(largest).toBeGreaterThan(0.05);
  });

  it('finds people by what they have in common, even somebody without friends', async () => {
    // 1–2, 3–4 and 5–6 are friends, 7 knows nobody; 1 and 3 listen to one thing, 4 and 7 to another.
    const words = [[], ['a', 'b'], [], ['a', 'b'], ['c', 'd'], [], [], ['c', 'd']];
    const pairs = friendsOf(
      [
        [0, 1],
        [2, 3],
        [4, 5],
      ],
      7,
    );
    const { offsets, userIds } = pairs;
    const train = { ...pairs, features: words, offsets: offsets.slice(0, 7), userIds: userIds.slice(0, 6) };
    using model = await fitted(friends, train, { dimensions: 16, damping: 0.5, ridge: 0.5 });
    const [first, alone] = await model.score([queryOf(2, 1), queryOf(7)]);
    expect([3, 4, 5, 6].every((other) => first![3]! >= first![other]!)).toBe(true);
    expect(first![3]).toBeGreaterThan(first![5]! + 0.05);
    expect([1, 2, 3, 5, 6].every((other) => alone![4]! > alone![other]!)).toBe(true);
    using blind = await fitted(friends, train, { dimensions: 16, damping: 0.5, ridge: 0.5, commonItems: 0 });
    expect((await blind.score([queryOf(2, 1)]))[0]![3]).toBeCloseTo(0, 5);
  });

  it('refuses what is no friendship', async () => {
    await expect(fitted(friends, datasetOf([[1, 2], [2]], 3))).rejects.toThrow(FitError);
  });
});

describe.skipIf(isMissing('lastfm-social/user_friends.dat'))('friends, on Last.fm', () => {
  it('finds at least 1.1 × as many hidden friends as Adamic–Adar', { timeout: 120_000 }, async () => {
    const config = parseConfig(lastfm, 'example');
    const { dataset } = await loadDataset(config.data, contextIn(publicData));
    const { train, validation } = splitDataset(dataset, config.split, config.seed);
    const { signal } = quietRun();
    const measured = async (recommender: Recommender<never>, options: unknown) => {
      using model = await fitted(recommender as Recommender, train, options);
      const { metrics } = await evaluate(model.score, validation, config.evaluation, {
        train,
        seed: 1,
        signal,
      });
      return [metrics['recall@20']!.value, metrics['ndcg@20']!.value];
    };
    const [baseline, model] = [
      await measured(adamicAdar as Recommender<never>, {}),
      await measured(friends as Recommender<never>, { dimensions: 128, damping: 0.5, ridge: 10 }),
    ];
    expect(model[0]! / baseline[0]!).toBeGreaterThan(1.1);
    expect(model[1]! / baseline[1]!).toBeGreaterThan(1.1);
  });
});
