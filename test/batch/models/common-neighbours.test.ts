import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '../../../batch/data/ingest.ts';
import { splitDataset } from '../../../batch/data/split.ts';
import { parseConfig } from '../../../batch/load-config.ts';
import { adamicAdar, commonNeighbours } from '../../../batch/models/common-neighbours.ts';
import type { Recommender } from '../../../batch/recommender.ts';
import facebook from '../../../examples/facebook-friends.config.ts';
import { FitError } from '../../../shared/errors.ts';
import { datasetOf, queryOf, quietRun } from '../../fixtures/dataset.ts';
import { friendsOf } from '../../fixtures/friends.ts';
import { contextIn, isMissing, publicData } from '../../fixtures/sources.ts';

const fitted = <Options>(recommender: Recommender<Options>, train = square, options: unknown = {}) =>
  recommender.fit(train, v.parse(recommender.options, options), quietRun());

/** 1–2, 1–3, 2–3, 2–4, 3–4, 4–5 and 1 with themselves, as items: person 1 may meet 4, by 2 and 3, and 5 may meet 2 and 3. */
const square = friendsOf(
  [
    [0, 0],
    [0, 1],
    [0, 2],
    [1, 2],
    [1, 3],
    [2, 3],
    [3, 4],
  ],
  5,
);
const nobody = Number.NEGATIVE_INFINITY;

describe('mutual friends, by hand', () => {
  it('common-neighbours counts them', async () => {
    using model = await fitted(commonNeighbours);
    const [first, fifth] = await model.score([queryOf(2, 3), queryOf(4)]);
    expect([...first!.subarray(1)]).toEqual([2, 1, 1, 2, nobody]);
    expect([...fifth!.subarray(1)]).toEqual([nobody, 1, 1, nobody, 1]);
  });

  it('adamic-adar weighs each by 1 / ln of their friends; oneself is none of them', async () => {
    using model = await fitted(adamicAdar);
    const [first, fifth] = await model.score([queryOf(2, 3), queryOf(4)]);
    const three = 1 / Math.log(3);
    expect(first![4]).toBeCloseTo(2 * three, 6);
    expect(first![2]).toBeCloseTo(three, 6);
    expect([...fifth!.subarray(1)].map((score) => score > 0)).toEqual([false, true, true, false, true]);
    expect(fifth![2]).toBeCloseTo(three, 6);
  });

  it('adds nothing but known friends where the history holds the person, who is not ranked', async () => {
    using model = await fitted(adamicAdar);
    const [with_, without] = await model.score([queryOf(2, 3, 1), queryOf(2, 3)]);
    expect(with_!.subarray(4)).toEqual(without!.subarray(4));
  });

  it('keeps as many friends as it is told, the first by id', async () => {
    using model = await fitted(commonNeighbours, square, { neighbours: 1 });
    expect([...(await model.score([queryOf(2, 3)]))[0]!.subarray(1)]).toEqual([
      2,
      nobody,
      nobody,
      nobody,
      nobody,
    ]);
  });

  it('refuses what is no friendship', async () => {
    await expect(fitted(adamicAdar, datasetOf([[1, 2], [2]], 3))).rejects.toThrow(FitError);
    await expect(fitted(adamicAdar, datasetOf([[1, 2], [2]], 3))).rejects.toThrow(
      /adamic-adar: expected friendships.*found/,
    );
  });
});

describe.skipIf(isMissing('facebook/facebook_combined.txt.gz'))('mutual friends, on Facebook', () => {
  it('are those that comparing two sets of friends finds', { timeout: 60_000 }, async () => {
    const { data, split, seed } = parseConfig(facebook, 'example');
    const { dataset } = await loadDataset(data, contextIn(publicData));
    const { train, validation } = splitDataset(dataset, split, seed);
    const friends = new Map<number, Set<number>>();
    for (const [user, userId] of train.userIds.entries()) {
      const self = train.itemIds.indexOf(userId);
      const own = new Set(train.items.subarray(train.offsets[user], train.offsets[user + 1]));
      own.delete(self);
      friends.set(self, own);
    }
    using common = await fitted(commonNeighbours, train);
    using adamic = await fitted(adamicAdar, train);
    const queries = validation.queries.filter((_, query) => query % 80 === 0);
    const [counted, weighed] = [await common.score(queries), await adamic.score(queries)];
    let compared = 0;
    for (const [query, { history }] of queries.entries()) {
      const own = friends.get(history.items.at(-1)!)!;
      const excluded = new Set(history.items);
      for (const [candidate, theirs] of friends) {
        if (excluded.has(candidate)) continue;
        const mutual = [...own].filter((friend) => theirs.has(friend));
        const expected = mutual.reduce((sum, friend) => sum + 1 / Math.log(friends.get(friend)!.size), 0);
        expect(counted[query]![candidate]).toBe(mutual.length === 0 ? nobody : mutual.length);
        if (mutual.length > 0) expect(weighed[query]![candidate]).toBeCloseTo(expected, 4);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(100_000);
  });
});
