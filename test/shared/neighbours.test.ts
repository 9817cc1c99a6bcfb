import { describe, expect, it } from 'vitest';
import { limits } from '../../shared/api.ts';
import { type Neighbours, scoreByNeighbours } from '../../shared/neighbours.ts';
import { queryOf } from '../fixtures/dataset.ts';

/** 1 → 2 (.5), 3 (−.25); 2 → 1 (.5); 3 → 2 (.125), 1 (−.25). */
const table: Neighbours = {
  rows: 5,
  width: 2,
  items: Uint32Array.of(0, 0, 2, 3, 1, 0, 1, 2, 0, 0),
  weights: Float32Array.of(0, 0, 0.5, -0.25, 0.5, 0, -0.25, 0.125, 0, 0),
};
const none = Number.NEGATIVE_INFINITY;
const score = (...events: Parameters<typeof queryOf>): number[] => [
  ...scoreByNeighbours(table, queryOf(...events).history),
];

describe('scoreByNeighbours', () => {
  it('sums the weights from each item of the history; what no list reaches does not rank', () => {
    expect(score(1)).toEqual([none, none, 0.5, -0.25, none]);
    expect(score(1, 3)).toEqual([none, -0.25, 0.625, -0.25, none]);
    expect(score()).toEqual([none, none, none, none, none]);
  });

  it('counts a repeated item once, with its largest weight', () => {
    const small = { item: 1, weight: 0.5 };
    expect(score(small, { item: 1, weight: 2 }, small)).toEqual([none, none, 1, -0.5, none]);
    expect(score(1, 1, 1)).toEqual(score(1));
  });

  it('passes over unknown items, the padding item and events without weight', () => {
    expect(score(99, 0, { item: 2, weight: 0 }, 1)).toEqual(score(1));
  });

  it('reads the newest events that a request can bring, and no more', () => {
    const filler = Array.from({ length: limits.history }, () => 4);
    expect(score(1, ...filler)).toEqual(score(4));
    expect(score(1, ...filler.slice(1))).toEqual(score(1));
  });

  it('overwrites what the caller hands it', () => {
    const out = new Float32Array(5).fill(7);
    expect(scoreByNeighbours(table, queryOf(2).history, out)).toBe(out);
    expect([...out]).toEqual([none, 0.5, none, none, none]);
  });
});
