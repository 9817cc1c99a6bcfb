import { describe, expect, it } from 'vitest';
import { chooseHistories } from '../../../batch/export/golden.ts';
import type { History } from '../../../shared/history.ts';

const ofLength = (length: number): History => ({
  items: new Int32Array(length).fill(1),
  times: new Float64Array(length),
  weights: new Float32Array(length).fill(1),
});
const lengths = (histories: readonly History[]): number[] => histories.map(({ items }) => items.length);

describe('chooseHistories', () => {
  it('spreads over the lengths, the empty one first, whatever the order they come in', () => {
    const all = Array.from({ length: 101 }, (_, i) => ofLength((i * 37) % 101));
    expect(lengths(chooseHistories(all))).toEqual([0, 1, 11, 21, 31, 41, 51, 60, 70, 80, 90, 100]);
  });
  it('takes what there is', () => {
    expect(lengths(chooseHistories([]))).toEqual([0]);
    expect(lengths(chooseHistories([ofLength(0), ofLength(5)]))).toEqual([0, 5]);
    expect(lengths(chooseHistories([ofLength(9), ofLength(5)]))).toEqual([0, 5, 9]);
  });
  it('cuts a history that no request may carry', () => {
    expect(lengths(chooseHistories([ofLength(5_000)]))).toEqual([0, 1_000]);
  });
});
