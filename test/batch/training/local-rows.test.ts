import { describe, expect, it } from 'vitest';
import { toLocalRows } from '../../../batch/training/local-rows.ts';
import { createMarks } from '../../../batch/training/marks.ts';

describe('local rows', () => {
  it('are the different rows of all lists, which then hold places among them', () => {
    const lists = [Int32Array.of(7, 2, 7), new Int32Array(0), Int32Array.of(0, 2, 9)];
    expect([...toLocalRows(lists, 10)]).toEqual([0, 2, 7, 9]);
    expect(lists.map((list) => [...list])).toEqual([[2, 1, 2], [], [0, 1, 3]]);
  });
});

describe('marks', () => {
  it('tell what is new since they were cleared', () => {
    const marks = createMarks(3);
    expect([2, 0, 2, 2, 0].map((number) => marks.add(number))).toEqual([true, true, false, false, false]);
    marks.clear();
    expect([2, 2, 1].map((number) => marks.add(number))).toEqual([true, false, true]);
  });
});
