import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ages,
  contextNumbers,
  itemWeights,
  positions,
  rankerFeatures,
  rankerInputs,
} from '../../shared/features.ts';
import { type History, latest } from '../../shared/history.ts';

const day = 86_400;
const historyOf = (times: readonly number[]): History => ({
  items: Int32Array.from(times, (_, i) => i + 1),
  times: Float64Array.from(times),
  weights: new Float32Array(times.length).fill(1),
});

describe('ages', () => {
  it('are log(1 + days) before the newest event of known time', () => {
    const start = 1_700_000_000;
    const found = ages(historyOf([start, start + 9 * day, start + 10 * day]));
    expect([...found]).toEqual([Math.log(11), Math.log(2), 0].map(Math.fround));
  });

  it('are 0 where the time is unknown, for one event or all', () => {
    expect([...ages(historyOf([0, 1_700_000_000 - day, 0, 1_700_000_000]))]).toEqual([
      0,
      Math.fround(Math.log(2)),
      0,
      0,
    ]);
    expect([...ages(historyOf([0, 0]))]).toEqual([0, 0]);
  });

  it('do not depend on when: a shift in time changes nothing', () => {
    const times = fc
      .array(fc.integer({ min: 1, max: 2e9 }), { maxLength: 50 })
      .map((list) => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(times, fc.integer({ min: 0, max: 1e9 }), (list, shift) => {
        const found = ages(historyOf(list));
        expect(ages(historyOf(list.map((time) => time + shift)))).toEqual(found);
        for (const [i, age] of found.entries()) {
          expect(age).toBeGreaterThanOrEqual(0);
          if (i > 0) expect(age).toBeLessThanOrEqual(found[i - 1]!);
        }
        if (list.length > 0) expect(found.at(-1)).toBe(0);
      }),
    );
  });
});

describe('positions', () => {
  it('count the steps to the newest event', () => {
    expect([...positions(historyOf([1, 2, 3]))]).toEqual([2, 1, 0]);
    expect(positions(historyOf([]))).toHaveLength(0);
  });
});

describe('item weights', () => {
  it('are the history as a set: the largest weight of each item, at its newest event', () => {
    const history = {
      items: Int32Array.of(3, 5, 3, 4, 5),
      times: new Float64Array(5),
      weights: Float32Array.of(1, 0.25, 0.5, 0, 0.5),
    };
    expect([...itemWeights(history)]).toEqual([0, 0, 1, 0, 0.5]);
    expect(itemWeights(historyOf([]))).toHaveLength(0);
  });
});

it('both fill the beginning of a larger buffer and leave its rest', () => {
  const out = new Float32Array(4).fill(7);
  positions(historyOf([1, 2]), out);
  expect([...out]).toEqual([1, 0, 7, 7]);
  ages(historyOf([1, 1 + day]), out);
  expect([...out]).toEqual([Math.fround(Math.log(2)), 0, 7, 7]);
});

describe('latest', () => {
  it('keeps the newest events of all three columns, and a short history as it is', () => {
    const history = historyOf([10, 20, 30]);
    expect(latest(history, 2)).toEqual({
      items: Int32Array.of(2, 3),
      times: Float64Array.of(20, 30),
      weights: Float32Array.of(1, 1),
    });
    expect(latest(history, 3)).toBe(history);
  });
});

describe('contextNumbers', () => {
  const features = [
    { name: 'daytime', values: ['morning', 'evening'] },
    { name: 'device', values: ['phone'] },
  ];
  it('count values from 1, in the order of the features; 0 is any other, and none', () => {
    expect([...contextNumbers(features, { device: 'phone', daytime: 'evening' })]).toEqual([2, 1]);
    expect([...contextNumbers(features, { daytime: 'Morning' })]).toEqual([0, 0]);
    expect([...contextNumbers([{ name: 'toString', values: ['x'] }], {})]).toEqual([0]);
    expect([...contextNumbers([], { daytime: 'evening' })]).toEqual([]);
  });
});

describe('rankerFeatures', () => {
  const gather = (items: Int32Array) =>
    Float32Array.from([...items].flatMap((item) => [item, item * 10, item * 100]));
  const question = (events: number) => ({
    history: historyOf(Array.from({ length: events }, (_, i) => 1_700_000_000 + i * day)),
    candidates: Int32Array.of(7, 8),
    context: Int32Array.of(2, 0),
  });
  const shape = { inputs: rankerInputs, maxHistory: 3 };

  it('are of the newest events that the ranker reads', () => {
    const features = rankerFeatures(shape, question(5), gather);
    expect(features.candidates).toEqual({
      data: Float32Array.of(7, 70, 700, 8, 80, 800),
      dimensions: [2, 3],
    });
    expect(features.rows).toEqual({
      data: Float32Array.of(3, 30, 300, 4, 40, 400, 5, 50, 500),
      dimensions: [1, 3, 3],
    });
    expect(features.present).toEqual({ data: Float32Array.of(1, 1, 1), dimensions: [1, 3] });
    expect(features.weights).toEqual({ data: Float32Array.of(1, 1, 1), dimensions: [1, 3] });
    expect(features.positions).toEqual({ data: Float32Array.of(2, 1, 0), dimensions: [1, 3] });
    expect([...features.ages!.data]).toEqual([Math.log(3), Math.log(2), 0].map(Math.fround));
    expect(features.context).toEqual({ data: Int32Array.of(2, 0), dimensions: [1, 2] });
  });

  it('of an empty history are one event that is absent: a row of zeros', () => {
    const features = rankerFeatures(shape, question(0), gather);
    const nothing = { data: Float32Array.of(0), dimensions: [1, 1] };
    expect(features.rows).toEqual({ data: Float32Array.of(0, 0, 0), dimensions: [1, 1, 3] });
    for (const name of ['present', 'ages', 'weights', 'positions'] as const)
      expect(features[name]).toEqual(nothing);
  });

  it('are those that the ranker takes, and no row is gathered in vain', () => {
    const asked: Int32Array[] = [];
    const features = rankerFeatures(
      { inputs: ['present', 'candidates'], maxHistory: 3 },
      question(2),
      (items) => {
        asked.push(items);
        return gather(items);
      },
    );
    expect(Object.keys(features)).toEqual(['present', 'candidates']);
    expect(asked).toEqual([Int32Array.of(7, 8)]);
  });
});
