import { describe, expect, it } from 'vitest';
import { withNegatives } from '../../../batch/ranking/negatives.ts';
import { splitForRanking } from '../../../batch/ranking/split.ts';
import { ConfigError, DataError } from '../../../shared/errors.ts';
import { datasetOf } from '../../fixtures/dataset.ts';
import { opinions, randomRows } from '../../fixtures/ranking.ts';

const byTime = { kind: 'time', testShare: 0.2, validationShare: 0.2 } as const;
const labelled = opinions((user, item) => (user + item) % 2 === 0);
const positivesOnly = opinions(() => true, { noise: 0 });

describe('a split at random', () => {
  const split = splitForRanking(labelled, { split: randomRows }, 1);

  it('parts every row once, in about the shares', () => {
    const parts = [split.train.items, split.validation.items, split.test.items].map(({ length }) => length);
    expect(parts.reduce((sum, size) => sum + size)).toBe(labelled.items.length);
    expect(parts[1]! / labelled.items.length).toBeCloseTo(0.1, 1);
    expect(parts[2]! / labelled.items.length).toBeCloseTo(0.2, 1);
  });

  it("keeps labels and context, and a history is the user's training rows", () => {
    const { offsets, items, weights } = split.train;
    for (const set of [split.validation, split.test]) {
      for (const [user, history] of set.histories.entries()) {
        expect([...history.items]).toEqual([...items.subarray(offsets[user], offsets[user + 1])]);
        expect([...history.weights]).toEqual([...weights.subarray(offsets[user], offsets[user + 1])]);
      }
      expect(set.context[0]!.every((number) => number >= 1 && number <= 3)).toBe(true);
      const agree = set.labels.filter(
        (label, row) => label === Number((set.users[row]! + set.items[row]!) % 2 === 0),
      );
      expect(agree.length / set.labels.length).toBeCloseTo(0.9, 1);
    }
  });

  it('is another one for another seed, and the same for the same', () => {
    const again = splitForRanking(labelled, { split: randomRows }, 1);
    const other = splitForRanking(labelled, { split: randomRows }, 2);
    expect(again.test.items).toEqual(split.test.items);
    expect([...other.test.items]).not.toEqual([...split.test.items]);
  });
});

describe('a split by time', () => {
  it('asks for the newest rows with everything before them as history', () => {
    const { train, validation, test, protocol } = splitForRanking(labelled, { split: byTime }, 1);
    const newestOf = (times: ArrayLike<number>) => Math.max(...Array.from(times));
    const known = test.histories.map(({ times }) => newestOf(times));
    const learnt = newestOf(train.times);
    expect(Math.max(...known)).toBeGreaterThan(learnt);
    expect(Math.max(...validation.histories.map(({ times }) => newestOf(times)))).toBe(learnt);
    expect(train.items.length + validation.items.length + test.items.length).toBe(labelled.items.length);
    expect(protocol).toMatch(/^rows from 2020-10-\d\dT/);
  });

  it('needs times', () => {
    const timeless = datasetOf([[{ item: 1 }, { item: 2, weight: 0 }]], 3);
    expect(() => splitForRanking(timeless, { split: byTime }, 1)).toThrow(ConfigError);
  });
});

describe('negatives', () => {
  const events = withNegatives(positivesOnly, 2, 7);

  it('stand behind their event, with its time and context and no weight, of items never chosen in it', () => {
    const context = events.context!.columns[0]!;
    const chosen = new Set<string>();
    const userOf = new Int32Array(events.items.length);
    for (let user = 0; user + 1 < events.offsets.length; user++)
      userOf.fill(user, events.offsets[user], events.offsets[user + 1]);
    for (const [at, item] of events.items.entries())
      if (events.drawn[at] === 0) chosen.add(`${userOf[at]} ${item} ${context[at]}`);
    for (const [at, item] of events.items.entries()) {
      if (events.drawn[at] === 0) continue;
      expect(events.weights[at]).toBe(0);
      expect(item).toBeGreaterThan(0);
      expect(chosen.has(`${userOf[at]} ${item} ${context[at]}`)).toBe(false);
      expect([events.times[at], context[at]]).toEqual([events.times[at - 1], context[at - 1]]);
    }
    expect(events.items.filter((_, at) => events.drawn[at] === 0)).toEqual(positivesOnly.items);
    expect(events.items.length).toBe(3 * positivesOnly.items.length);
  });

  it('are no part of a history', () => {
    const split = splitForRanking(positivesOnly, { split: randomRows }, 1);
    expect(split.protocol).toBe('random rows, 70 : 10 : 20, 2 drawn negatives to a positive');
    expect(split.test.histories.every(({ weights }) => weights.every((weight) => weight === 1))).toBe(true);
    expect(split.test.labels.includes(0) && split.test.labels.includes(1)).toBe(true);
  });

  it('are given up where somebody chose everything', () => {
    const everything = datasetOf([[1, 2, 3]], 4);
    expect(withNegatives(everything, 2, 1).items.length).toBe(3);
  });

  it('are needed where nothing is unwanted', () => {
    const ask = () => splitForRanking(positivesOnly, { split: randomRows, negatives: 0 }, 1);
    expect(ask).toThrow(DataError);
    expect(ask).toThrow(/found \d+ of \d+ wanted; a kind of events with weight 0/);
  });
});
