import { describe, expect, it } from 'vitest';
import { normal, seededRandom } from '../../../batch/training/random.ts';
import {
  columnSums,
  gramRows,
  interactionMatrix,
  rowSums,
  scale,
  transpose,
} from '../../../batch/training/sparse.ts';
import { datasetOf } from '../../fixtures/dataset.ts';

const dataset = datasetOf(
  [
    [3, { item: 1, weight: 0.5 }, { item: 1, weight: 2 }, { item: 1, weight: 1 }, 3],
    [],
    [{ item: 4, weight: 0 }, 3, 1],
  ],
  6,
);

describe('interactionMatrix', () => {
  it("holds each user's different items, ascending, with the largest weight; nothing that weighs nothing", () => {
    expect(interactionMatrix(dataset)).toEqual({
      rows: 3,
      columns: 6,
      offsets: Uint32Array.of(0, 2, 2, 4),
      indices: Int32Array.of(1, 3, 1, 3),
      values: Float32Array.of(2, 1, 1, 1),
    });
  });
});

describe('sums, scale and transpose', () => {
  const matrix = interactionMatrix(dataset);
  it('sum rows and columns', () => {
    expect([...rowSums(matrix)]).toEqual([3, 0, 2]);
    expect([...columnSums(matrix)]).toEqual([0, 3, 0, 2, 0, 0]);
  });
  it('multiply rows and columns by their factors', () => {
    const scaled = scale(matrix, Float64Array.of(10, 1, 2), Float64Array.of(0, 3, 0, 5, 0, 0));
    expect([...scaled.values]).toEqual([60, 50, 6, 10]);
    expect([...matrix.values]).toEqual([2, 1, 1, 1]);
  });
  it('swap rows and columns', () => {
    expect(transpose(matrix)).toEqual({
      rows: 6,
      columns: 3,
      offsets: Uint32Array.of(0, 0, 2, 2, 4, 4, 4),
      indices: Int32Array.of(0, 2, 0, 2),
      values: Float32Array.of(2, 1, 1, 1),
    });
  });
});

describe('gramRows', () => {
  it('visits each column that shares a row, with the sum of products, again and again the same', () => {
    const rowOf = gramRows(interactionMatrix(dataset));
    const visited = (column: number): Record<number, number> => {
      const sums: Record<number, number> = {};
      rowOf(column, (other, sum) => {
        expect(sums[other]).toBeUndefined();
        sums[other] = sum;
      });
      return sums;
    };
    for (let round = 0; round < 2; round++) {
      expect(visited(1)).toEqual({ 1: 5, 3: 3 });
      expect(visited(3)).toEqual({ 1: 3, 3: 2 });
      expect(visited(2)).toEqual({});
    }
  });
});

describe('seededRandom and normal', () => {
  it('repeat by seed, differ between seeds, also beyond 32 bits', () => {
    const draw = (seed: number) => Array.from({ length: 4 }, seededRandom(seed));
    expect(draw(5)).toEqual(draw(5));
    expect(new Set([5, 6, 2 ** 32 + 5].map((seed) => draw(seed)[0])).size).toBe(3);
  });

  it('have the moments of their distributions', () => {
    const moments = (values: number[]) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return [mean, values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length] as const;
    };
    const uniform = Array.from({ length: 50_000 }, seededRandom(1));
    expect(uniform.every((value) => value >= 0 && value < 1)).toBe(true);
    const [mean, variance] = moments(uniform);
    expect(Math.abs(mean - 1 / 2)).toBeLessThan(0.006);
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.002);
    const [normalMean, normalVariance] = moments(Array.from({ length: 50_000 }, normal(seededRandom(2))));
    expect(Math.abs(normalMean)).toBeLessThan(0.02);
    expect(Math.abs(normalVariance - 1)).toBeLessThan(0.03);
  });
});
