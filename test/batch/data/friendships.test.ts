import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { SplitConfig } from '../../../batch/config.ts';
import type { Dataset } from '../../../batch/data/dataset.ts';
import { loadDataset } from '../../../batch/data/ingest.ts';
import { splitDataset } from '../../../batch/data/split.ts';
import type { EvaluationSet, Split } from '../../../batch/evaluate/protocol.ts';
import { parseConfig } from '../../../batch/load-config.ts';
import facebook from '../../../examples/facebook-friends.config.ts';
import lastfm from '../../../examples/lastfm-friends.config.ts';
import { friendsOf, randomFriendships } from '../../fixtures/friends.ts';
import { contextIn, isMissing, publicData } from '../../fixtures/sources.ts';

const config = v.parse(SplitConfig, { kind: 'friendships' });

/** Pairs 'a b' of a dataset, both directions, without those of people with themselves. */
const pairsOf = (dataset: Dataset): string[] =>
  dataset.userIds.flatMap((userId, user) =>
    Array.from(
      dataset.items.subarray(dataset.offsets[user], dataset.offsets[user + 1]),
      (item) => `${userId} ${dataset.itemIds[item]}`,
    ).filter((pair) => pair !== `${userId} ${userId}`),
  );

/** Pairs 'a b' that are asked for; whoever asks is the last of the history. */
const askedFor = ({ queries, targets }: EvaluationSet, { itemIds }: Dataset): string[] =>
  queries.flatMap(({ history }, query) =>
    Array.from(targets[query]!, (item) => `${itemIds[history.items.at(-1)!]} ${itemIds[item]}`),
  );

const without = (pairs: readonly string[], others: ReadonlySet<string>): Set<string> =>
  new Set(pairs.filter((pair) => !others.has(pair)));

const turned = (pair: string): string => pair.split(' ').reverse().join(' ');

/** What holds for every such split of any dataset of friendships. */
function check(dataset: Dataset, { train, validation, trainAndValidation, test }: Split): void {
  const all = pairsOf(dataset).sort();
  const known = { validation: new Set(pairsOf(train)), test: new Set(pairsOf(trainAndValidation)) };
  const hidden = {
    validation: without(pairsOf(trainAndValidation), known.validation),
    test: without(all, known.test),
  };
  const edges = all.length / 2;
  expect(hidden.test.size / 2).toBe(Math.round(edges / 10));
  expect(hidden.validation.size / 2).toBe(Math.round(edges / 10));
  for (const [name, set] of [
    ['validation', validation],
    ['test', test],
  ] as const) {
    const asked = askedFor(set, dataset);
    for (const pairs of [known[name], hidden[name]]) {
      expect([...pairs].every((pair) => pairs.has(turned(pair)))).toBe(true);
    }
    // Everybody who still has a friend is asked for all whom they lost, and nobody for a known friend or themselves.
    const connected = new Set([...known[name]].map((pair) => pair.split(' ')[0]));
    const expected = [...hidden[name]].filter((pair) => connected.has(pair.split(' ')[0]));
    expect(asked.sort()).toEqual(expected.sort());
    expect(set.excludeHistory).toBe(true);
    for (const [query, { history }] of set.queries.entries()) {
      const self = dataset.itemIds[history.items.at(-1)!]!;
      const friends = [...known[name]].filter((pair) => pair.startsWith(`${self} `)).length;
      expect(new Set(history.items).size).toBe(history.items.length);
      expect(history.items.length).toBe(friends + 1);
      expect([...set.targets[query]!].filter((target) => history.items.includes(target))).toEqual([]);
    }
  }
}

describe("the split 'friendships'", () => {
  it('hides both directions of a tenth each, and asks both people, who are the last of their own history', () => {
    const dataset = randomFriendships(60, 300, 4);
    check(dataset, splitDataset(dataset, config, 1));
  });

  it('follows the seed', () => {
    const dataset = randomFriendships(60, 300, 4);
    const first = splitDataset(dataset, config, 1);
    expect(splitDataset(dataset, config, 1)).toEqual(first);
    expect(askedFor(splitDataset(dataset, config, 2).test, dataset)).not.toEqual(
      askedFor(first.test, dataset),
    );
  });

  it('counts a friendship that is told twice once, and makes no question of one with oneself', () => {
    const dataset = friendsOf(
      [
        [0, 0],
        [0, 1],
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 4],
        [4, 0],
        [1, 3],
        [0, 2],
        [1, 4],
      ],
      5,
    );
    const shares = v.parse(SplitConfig, { kind: 'friendships', testShare: 0.25, validationShare: 0.25 });
    const { test, trainAndValidation } = splitDataset(dataset, shares, 3);
    expect(new Set(askedFor(test, dataset)).size).toBe(4);
    const known = new Set(pairsOf(trainAndValidation));
    expect(askedFor(test, dataset).filter((pair) => known.has(pair))).toEqual([]);
  });

  it('refuses events that are no friendships, saying which', () => {
    const oneSided = friendsOf(
      [
        [0, 1],
        [1, 2],
      ],
      3,
    );
    oneSided.items[0] = 3;
    expect(() => splitDataset(oneSided, config, 1)).toThrow(
      /split 'friendships': expected friendships.*found 'person-000000' → 'person-000002' and not the other way round/,
    );
    const shop = { ...oneSided, userIds: ['customer', ...oneSided.userIds.slice(1)] };
    expect(() => splitDataset(shop, config, 1)).toThrow(/found user 'customer', who is no item/);
  });
});

describe.skipIf(isMissing('facebook/facebook_combined.txt.gz'))(
  'published friendships, read as they are',
  () => {
    it.each([
      ['Facebook', facebook, 4_039, 88_234],
      ['Last.fm', lastfm, 1_892, 12_717],
    ])(
      '%s has the published counts, and splits',
      { timeout: 60_000 },
      async (_, example, people, friendships) => {
        const { data, split, seed } = parseConfig(example, 'example');
        const { dataset } = await loadDataset(data, contextIn(publicData));
        expect(dataset.userIds).toEqual(dataset.itemIds.slice(1));
        expect([dataset.userIds.length, dataset.items.length]).toEqual([people, 2 * friendships]);
        const parts = splitDataset(dataset, split, seed);
        const hidden = 2 * Math.round(friendships / 10);
        const self = parts.trainAndValidation.userIds.length;
        expect(parts.trainAndValidation.items.length).toBe(2 * friendships - hidden + self);
        expect(parts.test.protocol).toBe(
          `10 % of the friendships hidden, both people asked, all ${people.toLocaleString('en-GB')} items ranked but themselves and known friends`,
        );
      },
    );
  },
);
