import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { SplitConfig } from '../../../batch/config.ts';
import type { Dataset } from '../../../batch/data/dataset.ts';
import { loadDataset } from '../../../batch/data/ingest.ts';
import { splitDataset } from '../../../batch/data/split.ts';
import type { EvaluationSet } from '../../../batch/evaluate/protocol.ts';
import { parseConfig } from '../../../batch/load-config.ts';
import retailConfig from '../../../perigee.config.ts';
import { datasetOf, type TestEvent } from '../../fixtures/dataset.ts';
import { contextIn, eventsOf } from '../../fixtures/sources.ts';

const split = (dataset: Dataset, config: v.InferInput<typeof SplitConfig>, seed = 1, test?: Dataset) =>
  splitDataset(dataset, v.parse(SplitConfig, config), seed, test);
/** Questions as [history, targets] of item indices. */
const asked = ({ queries, targets }: EvaluationSet): number[][][] =>
  queries.map(({ history }, i) => [[...history.items], [...targets[i]!]]);
const itemsOf = (dataset: Dataset): Record<string, number[]> =>
  Object.fromEntries(
    Object.entries(eventsOf(dataset)).map(([userId, events]) => [
      userId,
      events.map((event) => Number(event.split('@')[0]!.slice(5))),
    ]),
  );

describe('leave-one-out', () => {
  it('asks for the last event, validates with the one before; short histories train', () => {
    const dataset = datasetOf([[1, 2, 3, 4], [5, 1], [2]], 6);
    const { train, validation, trainAndValidation, test } = split(dataset, { kind: 'leave-one-out' });
    expect(itemsOf(train)).toEqual({ 'user-000000': [1, 2], 'user-000001': [5], 'user-000002': [2] });
    expect(asked(validation)).toEqual([[[1, 2], [3]]]);
    expect(itemsOf(trainAndValidation)['user-000000']).toEqual([1, 2, 3]);
    expect(asked(test)).toEqual([
      [[1, 2, 3], [4]],
      [[5], [1]],
    ]);
    expect(test.excludeHistory).toBe(true);
    expect(test.protocol).toBe("leave-one-out: each user's last item, all 5 items ranked but the user's own");
  });

  it('does not ask for an item that the history has, as it is not ranked', () => {
    const dataset = datasetOf(
      [
        [1, 2, 3, 1],
        [1, 2, 3, 4],
      ],
      5,
    );
    expect(asked(split(dataset, { kind: 'leave-one-out' }).test)).toEqual([[[1, 2, 3], [4]]]);
  });
});

describe('cold items', () => {
  const dataset = datasetOf(
    Array.from({ length: 12 }, (_, user) =>
      Array.from({ length: 8 }, (_, at) => 1 + ((user * 3 + at * 7) % 20)),
    ),
    // Two items have no events: there is nothing to withhold.
    23,
  );
  const parts = split(dataset, { kind: 'cold-items', testShare: 0.2 });
  const { train, validation, trainAndValidation, test } = parts;
  const has = (part: Dataset, items: Int32Array | undefined) =>
    part.items.some((item) => items!.includes(item));

  it('withholds every event of the items', () => {
    expect(test.candidates).toHaveLength(4);
    expect(validation.candidates).toHaveLength(2);
    expect([...test.candidates!, ...validation.candidates!].every((item) => item <= 20)).toBe(true);
    expect(has(train, validation.candidates)).toBe(false);
    expect(has(train, test.candidates)).toBe(false);
    expect(has(trainAndValidation, test.candidates)).toBe(false);
    expect(has(trainAndValidation, validation.candidates)).toBe(true);
    expect(trainAndValidation.itemIds).toBe(dataset.itemIds);
  });

  it('asks everybody for those that they have, given all the rest', () => {
    const questions = dataset.userIds.flatMap((_, user) => {
      const own = [...dataset.items.subarray(dataset.offsets[user], dataset.offsets[user + 1])];
      const [cold, warm] = [true, false].map((wanted) =>
        own.filter((item) => test.candidates!.includes(item) === wanted),
      );
      return cold!.length > 0 ? [[warm, cold]] : [];
    });
    expect(asked(test)).toEqual(questions);
    expect(test.protocol).toBe('cold items: 4 random items withheld from training, ranked among themselves');
  });

  it('draws other items with another seed', () => {
    const other = split(dataset, { kind: 'cold-items', testShare: 0.2 }, 2);
    expect(other.test.candidates).not.toEqual(test.candidates);
    expect(split(dataset, { kind: 'cold-items', testShare: 0.2 }).test.candidates).toEqual(test.candidates);
  });
});

describe('last basket', () => {
  /** Users as lists of [basket, item, time]. */
  const withBaskets = (users: readonly (readonly (readonly [number, number, number])[])[]): Dataset => ({
    ...datasetOf(
      users.map((events) => events.map(([, item, time]): TestEvent => ({ item, time }))),
      10,
    ),
    baskets: Int32Array.from(users.flat(), ([basket]) => basket),
  });
  const dataset = withBaskets([
    [
      [0, 1, 10],
      [0, 2, 10],
      [1, 3, 20],
      [2, 1, 30],
      [2, 4, 31],
    ],
    [
      [3, 5, 10],
      [3, 6, 10],
    ],
  ]);

  it('asks for what is new in it', () => {
    const parts = split(dataset, { kind: 'last-basket', minimumHistory: 1 });
    expect(asked(parts.test)).toEqual([[[1, 2, 3], [4]]]);
    expect(asked(parts.validation)).toEqual([[[1, 2], [3]]]);
    expect(itemsOf(parts.trainAndValidation)).toEqual({ 'user-000000': [1, 2, 3] });
    expect(itemsOf(parts.train)).toEqual({ 'user-000000': [1, 2] });
    expect(parts.test.excludeHistory).toBe(true);
  });

  it('asks for anything in it, excluding nothing', () => {
    const { test } = split(dataset, { kind: 'last-basket', targets: 'any', minimumHistory: 1 });
    expect(asked(test)).toEqual([
      [
        [1, 2, 3],
        [1, 4],
      ],
    ]);
    expect(test.excludeHistory).toBe(false);
    expect(test.protocol).toBe(
      'last basket, any item, all 9 items ranked; users with at least 1 different items before it',
    );
  });

  it('asks only users with enough different items before', () => {
    const parts = (minimumHistory: number) =>
      split(dataset, { kind: 'last-basket', targets: 'any', minimumHistory });
    expect(asked(parts(2).test)).toHaveLength(1);
    expect(() => parts(3)).toThrow("split 'last-basket': the validation part has no user to ask");
  });

  it('takes a basket whole where another interrupts it, and the first of those that end together', () => {
    const interrupted = withBaskets([
      [
        [0, 1, 10],
        [2, 2, 20],
        [1, 3, 25],
        [2, 4, 30],
      ],
      [
        [3, 1, 10],
        [4, 2, 15],
        [5, 5, 20],
        [6, 6, 20],
      ],
    ]);
    const { test, validation } = split(interrupted, { kind: 'last-basket', minimumHistory: 1 });
    expect(asked(test)).toEqual([
      [
        [1, 3],
        [2, 4],
      ],
      [[1, 2, 6], [5]],
    ]);
    expect(asked(validation)).toEqual([
      [[1], [3]],
      [[1, 2], [6]],
    ]);
  });

  it('goes by source order where there are no times', () => {
    const untimed = withBaskets([
      [
        [0, 1, 0],
        [1, 2, 0],
        [2, 3, 0],
      ],
    ]);
    const { test, validation } = split(untimed, { kind: 'last-basket', minimumHistory: 1 });
    expect(asked(test)).toEqual([[[1, 2], [3]]]);
    expect(asked(validation)).toEqual([[[1], [2]]]);
  });

  it('needs baskets', () => {
    expect(() => split(datasetOf([[1, 2]], 3), { kind: 'last-basket' })).toThrow(
      "split 'last-basket' needs data.events.columns.basketId",
    );
  });
});

describe('by time', () => {
  const dataset = datasetOf(
    [
      [1, 2, 3, 4].map((item) => ({ item, time: item * 10 })),
      [5, 1, 5, 2].map((item, n) => ({ item, time: 15 + n * 10 })),
      [{ item: 3, time: 45 }],
    ],
    6,
  );

  it('tests on the newest events, all users at one moment', () => {
    // Times 10 15 20 25 30 35 40 45 45: the newest 30 % begin at 40, the 30 % before at 25.
    const parts = split(dataset, { kind: 'time', testShare: 0.3, validationShare: 0.3, targets: 'any' });
    expect(asked(parts.test)).toEqual([
      [[1, 2, 3], [4]],
      [[5, 1, 5], [2]],
    ]);
    expect(asked(parts.validation)).toEqual([
      [[1, 2], [3]],
      [[5], [1, 5]],
    ]);
    expect(itemsOf(parts.train)).toEqual({ 'user-000000': [1, 2], 'user-000001': [5] });
    expect(parts.test.protocol).toContain('events from 1970-01-01T00:00Z on, any item, all 5 items ranked');
  });

  it('needs times', () => {
    expect(() => split(datasetOf([[1, 2, 3]], 4), { kind: 'time' })).toThrow(
      "split 'time' needs data.events.columns.time",
    );
  });
});

describe('held-out users', () => {
  const users = Array.from({ length: 100 }, (_, user) =>
    Array.from({ length: 10 }, (_, n) => 1 + ((user + n * 7) % 99)),
  );
  const dataset = datasetOf(users, 100);
  const parts = split(dataset, { kind: 'held-out-users', testShare: 0.2, validationShare: 0.1 });

  it('holds users out whole, and asks for a fifth of their events', () => {
    expect(parts.train.userIds).toHaveLength(70);
    expect(parts.trainAndValidation.userIds).toHaveLength(80);
    expect(parts.validation.queries).toHaveLength(10);
    expect(parts.test.queries).toHaveLength(20);
    for (const [history, targets] of asked(parts.test)) {
      expect(history).toHaveLength(8);
      expect(targets).toHaveLength(2);
      const [whole] = users.filter((items) =>
        [...history!, ...targets!].every((item) => items.includes(item)),
      );
      expect(history).toEqual(whole!.filter((item) => history!.includes(item)));
    }
  });

  it('never trains on a user that it asks', () => {
    const trained = new Set(Object.values(itemsOf(parts.trainAndValidation)).map((items) => items.join()));
    for (const [history, targets] of asked(parts.test)) {
      for (const items of trained) {
        expect([...history!, ...targets!].every((item) => items.split(',').includes(String(item)))).toBe(
          false,
        );
      }
    }
  });

  it('depends on the seed alone', () => {
    const again = (seed: number) => split(dataset, { kind: 'held-out-users', testShare: 0.2 }, seed);
    expect(again(1).test).toEqual(split(dataset, { kind: 'held-out-users', testShare: 0.2 }, 1).test);
    expect(asked(again(2).test)).not.toEqual(asked(again(1).test));
  });
});

describe('given files', () => {
  it('tests on the given events, validates with the last of the others', () => {
    const dataset = datasetOf([[1, 2, 3], [4], [1, 2]], 6);
    const test = datasetOf([[5, 1], [2], []], 6);
    const parts = split(
      dataset,
      { kind: 'files', test: { path: 'x', columns: { userId: 'u', itemId: 'i' } } },
      1,
      test,
    );
    expect(asked(parts.test)).toEqual([
      [[1, 2, 3], [5]],
      [[4], [2]],
    ]);
    expect(asked(parts.validation)).toEqual([
      [[1, 2], [3]],
      [[1], [2]],
    ]);
    expect(parts.trainAndValidation).toBe(dataset);
  });

  it('validates with a random share where the order says nothing', () => {
    const dataset = datasetOf([Array.from({ length: 20 }, (_, at) => at + 1), [4], [1, 2]], 22);
    const test = datasetOf([[21], [], []], 22);
    const config = {
      kind: 'files',
      test: { path: 'x', columns: { userId: 'u', itemId: 'i' } },
      validationShare: 0.2,
    } as const;
    const parts = split(dataset, config, 1, test);
    const [first, second, ...others] = asked(parts.validation);
    expect(first!.map((items) => items.length)).toEqual([16, 4]);
    expect(first!.flat().sort((a, b) => a - b)).toEqual([...dataset.items.subarray(0, 20)]);
    expect(second!.map((items) => items.length)).toEqual([1, 1]);
    expect(others).toEqual([]);
    expect(parts.trainAndValidation).toBe(dataset);
    expect(asked(split(dataset, config, 1, test).validation)).toEqual(asked(parts.validation));
    expect(asked(split(dataset, config, 2, test).validation)).not.toEqual(asked(parts.validation));
  });
});

const kinds = [
  { kind: 'leave-one-out' },
  { kind: 'time', targets: 'any', testShare: 0.3, validationShare: 0.3 },
  { kind: 'last-basket', targets: 'any', minimumHistory: 1 },
  { kind: 'held-out-users', testShare: 0.3, validationShare: 0.3, foldIn: 0.5 },
] as const;

/** Every event has an item of its own, so that an item tells the event; equal times are one basket. */
function traceable(users: readonly (readonly number[])[]): Dataset {
  const times = users.map((own) => own.toSorted((a, b) => a - b));
  let item = 0;
  const plain = datasetOf(
    times.map((own) => own.map((time) => ({ item: ++item, time }))),
    times.flat().length + 1,
  );
  return { ...plain, baskets: Int32Array.from(plain.times) };
}

it('nothing that is asked is known, and nothing known is newer than what is asked', () => {
  const user = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 12 });
  const users = fc.array(user, { minLength: 6, maxLength: 12 });
  let whole = 0;
  fc.assert(
    fc.property(users, fc.constantFrom(...kinds), fc.nat(), (own, config, seed) => {
      const dataset = traceable(own);
      const userOf = (item: number): number => dataset.offsets.findLastIndex((offset) => offset < item);
      const timeOf = (item: number): number => dataset.times[item - 1]!;
      let parts: ReturnType<typeof split>;
      try {
        parts = split(dataset, config, seed);
      } catch (error) {
        // Too few events to ask anybody.
        expect(error).toMatchObject({ name: 'DataError' });
        return;
      }
      whole++;
      for (const [known, questions] of [
        [parts.train, parts.validation],
        [parts.trainAndValidation, parts.test],
      ] as const) {
        const trained = new Set(known.items);
        expect(known.itemIds).toBe(dataset.itemIds);
        for (const [history, targets] of asked(questions) as [number[], number[]][]) {
          expect(new Set([...history, ...targets].map(userOf)).size).toBe(1);
          expect(targets.length).toBeGreaterThan(0);
          expect(targets.filter((item) => trained.has(item) || history.includes(item))).toEqual([]);
          if (config.kind === 'held-out-users') {
            expect(history.filter((item) => trained.has(item))).toEqual([]);
          } else {
            expect(history.filter((item) => !trained.has(item))).toEqual([]);
            expect(Math.max(...history.map(timeOf))).toBeLessThanOrEqual(Math.min(...targets.map(timeOf)));
          }
        }
      }
      const trained = new Set(parts.trainAndValidation.items);
      expect([...parts.train.items].filter((item) => !trained.has(item))).toEqual([]);
    }),
    { numRuns: 300, seed: 1 },
  );
  expect(whole).toBeGreaterThan(200);
});

describe('Online Retail, by the protocol of its published figures', () => {
  it('asks 2,412 customers for new items and 2,689 for any', async () => {
    const { data } = parseConfig(retailConfig, 'perigee.config.ts');
    const { dataset } = await loadDataset(data, contextIn(new URL('../../..', import.meta.url).pathname));
    expect([dataset.userIds.length, dataset.itemIds.length - 1, dataset.items.length]).toEqual([
      4_334, 3_659, 396_337,
    ]);
    const fresh = split(dataset, { kind: 'last-basket', targets: 'new', minimumHistory: 5 });
    const any = split(dataset, { kind: 'last-basket', targets: 'any', minimumHistory: 5 });
    expect(fresh.test.queries).toHaveLength(2_412);
    expect(any.test.queries).toHaveLength(2_689);
    expect(fresh.test.protocol).toBe(
      "last basket, new items, all 3,659 items ranked but the user's own; users with at least 5 different items before it",
    );
  });
});
