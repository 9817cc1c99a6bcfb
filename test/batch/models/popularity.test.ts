import { describe, expect, it } from 'vitest';
import { popularity, popularityScores } from '../../../batch/models/popularity.ts';
import { topK } from '../../../shared/ranking.ts';
import { datasetOf, queryOf, quietRun } from '../../fixtures/dataset.ts';

const day = 86_400;
const at = (days: number) => 1_700_000_000 + days * day;

describe('popularityScores', () => {
  it('counts users, not events: ten purchases by one weigh less than one each by two', () => {
    const dataset = datasetOf([[1, 1, 1, 1], [2], [2, 3]], 4);
    expect([...popularityScores(dataset, {})]).toEqual([0, 1, 2, 1]);
  });

  it('halves an event for each half-life before the newest one', () => {
    const dataset = datasetOf(
      [[{ item: 1, time: at(0) }], [{ item: 2, time: at(10) }], [{ item: 3, time: at(20) }]],
      4,
    );
    expect([...popularityScores(dataset, { halfLifeDays: 10 })]).toEqual([0, 0.25, 0.5, 1]);
    expect([...popularityScores(dataset, { halfLifeDays: null })]).toEqual([0, 1, 1, 1]);
  });

  it("takes a user's most valuable event on an item: weight and age together", () => {
    const events = [
      { item: 1, time: at(0), weight: 1 },
      { item: 1, time: at(10), weight: 0.25 },
      { item: 2, time: at(10), weight: 0.5 },
    ];
    const dataset = datasetOf([events], 3);
    expect([...popularityScores(dataset, { halfLifeDays: 5 })]).toEqual([0, 0.25, 0.5]);
    expect([...popularityScores(dataset, {})]).toEqual([0, 1, 0.5]);
  });

  it('does not age events without time', () => {
    const dataset = datasetOf([[1, { item: 2, time: at(0) }], [{ item: 3, time: at(7) }]], 4);
    expect([...popularityScores(dataset, { halfLifeDays: 7 })]).toEqual([0, 1, 0.5, 1]);
  });
});

describe('popularity', () => {
  // Item 1 was bought by three a year ago, item 2 by two now.
  const dataset = datasetOf(
    [
      ...Array.from({ length: 3 }, () => [{ item: 1, time: at(0) }]),
      ...Array.from({ length: 2 }, () => [{ item: 2, time: at(365) }]),
    ],
    3,
  );
  const firstOf = async (options: Parameters<typeof popularity.fit>[1], right?: number) => {
    const validate = async (
      score: (queries: readonly ReturnType<typeof queryOf>[]) => Promise<Float32Array[]>,
    ) => (topK((await score([queryOf()]))[0]!, 1).indices[0] === right ? 1 : 0);
    using model = await popularity.fit(dataset, options, quietRun(right === undefined ? {} : { validate }));
    const [scores] = await model.score([queryOf()]);
    return { first: topK(scores!, 1).indices[0], options: model.fittedOptions };
  };

  it('lets validation choose between old and lately popular', async () => {
    expect(await firstOf({}, 1)).toEqual({ first: 1, options: { halfLifeDays: null } });
    expect(await firstOf({}, 2)).toEqual({ first: 2, options: { halfLifeDays: 365 } });
  });

  it('keeps to a half-life that is given, and to none without validation', async () => {
    expect(await firstOf({ halfLifeDays: 30 }, 1)).toEqual({ first: 2, options: { halfLifeDays: 30 } });
    expect(await firstOf({})).toEqual({ first: 1, options: { halfLifeDays: null } });
  });
});
