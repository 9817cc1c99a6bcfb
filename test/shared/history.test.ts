import { expect, it } from 'vitest';
import { chosen, latest } from '../../shared/history.ts';
import { queryOf } from '../fixtures/dataset.ts';

const opinions = queryOf(
  { item: 4, time: 10, weight: 1 },
  { item: 2, time: 20, weight: 0 },
  { item: 4, time: 30, weight: 0.25 },
).history;

it('leaves out of a history what was not wanted', () => {
  expect(chosen(opinions)).toEqual({
    items: Int32Array.of(4, 4),
    times: Float64Array.of(10, 30),
    weights: Float32Array.of(1, 0.25),
  });
  const all = queryOf(1, 2).history;
  expect(chosen(all)).toBe(all);
});

it('keeps the newest events', () => {
  expect([...latest(opinions, 2).items]).toEqual([2, 4]);
  expect(latest(opinions, 3)).toBe(opinions);
});
