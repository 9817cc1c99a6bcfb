import { describe, expect, it } from 'vitest';
import { normal, seededRandom } from '../../../batch/training/random.ts';
import { ridge } from '../../../batch/training/ridge.ts';
import type { SparseMatrix } from '../../../batch/training/sparse.ts';

describe('ridge', () => {
  it('finds coefficients from which no direction leads further down', () => {
    const [rows, columns, width] = [40, 12, 3];
    const random = normal(seededRandom(4));
    // Column 11 is empty: nothing is known of it.
    const matrix: SparseMatrix = {
      rows,
      columns,
      offsets: Uint32Array.from({ length: rows + 1 }, (_, row) => row * 3),
      indices: Int32Array.from({ length: rows * 3 }, (_, at) => (at % 3) * 3 + (Math.floor(at / 3) % 3)),
      values: Float32Array.from({ length: rows * 3 }, random),
    };
    const targets = Float32Array.from({ length: rows * width }, random);
    const regularisation = 0.7;
    const found = ridge(matrix, targets, width, { regularisation, tolerance: 1e-6 });
    const slope = Float64Array.from(found, (value) => regularisation * value);
    for (let row = 0; row < rows; row++) {
      for (let j = 0; j < width; j++) {
        const entries = [0, 1, 2].map((at) => row * 3 + at);
        const predicted = entries.reduce(
          (sum, at) => sum + matrix.values[at]! * found[matrix.indices[at]! * width + j]!,
          0,
        );
        for (const at of entries) {
          slope[matrix.indices[at]! * width + j]! +=
            matrix.values[at]! * (predicted - targets[row * width + j]!);
        }
      }
    }
    expect(Math.max(...slope.map(Math.abs))).toBeLessThan(1e-4);
    expect(Math.max(...found.map(Math.abs))).toBeGreaterThan(0.1);
    expect([...found.subarray(11 * width)]).toEqual([0, 0, 0]);
  });

  it('is zero where there is nothing to explain', () => {
    const matrix = {
      rows: 1,
      columns: 2,
      offsets: Uint32Array.of(0, 1),
      indices: Int32Array.of(1),
      values: Float32Array.of(1),
    };
    expect([...ridge(matrix, new Float32Array(2), 2, { regularisation: 1 })]).toEqual([0, 0, 0, 0]);
  });
});
