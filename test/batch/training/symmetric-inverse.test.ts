import { describe, expect, it } from 'vitest';
import { openBackend } from '../../../batch/backend/index.ts';
import { normal, seededRandom } from '../../../batch/training/random.ts';
import { invertPositiveDefinite } from '../../../batch/training/symmetric-inverse.ts';
import { FitError } from '../../../shared/errors.ts';

/** XᵀX + λI of random counts, as EASE has it. */
function gramMatrix(size: number, lambda: number, seed: number): Float32Array {
  const gaussian = normal(seededRandom(seed));
  const rows = size * 2;
  const x = Float64Array.from({ length: rows * size }, () => (gaussian() > 1 ? 1 : 0));
  const matrix = new Float32Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let sum = i === j ? lambda : 0;
      for (let row = 0; row < rows; row++) sum += x[row * size + i]! * x[row * size + j]!;
      matrix[i * size + j] = sum;
    }
  }
  return matrix;
}

/** The float64 reference: Gauss–Jordan with partial pivoting on [A | I]. */
function referenceInverse(matrix: ArrayLike<number>, size: number): Float64Array {
  const a = Array.from({ length: size }, (_, i) =>
    Float64Array.from({ length: 2 * size }, (_, j) =>
      j < size ? matrix[i * size + j]! : Number(j - size === i),
    ),
  );
  for (let column = 0; column < size; column++) {
    const best = a
      .slice(column)
      .reduce((p, row, i) => (Math.abs(row[column]!) > Math.abs(a[p]![column]!) ? column + i : p), column);
    [a[column], a[best]] = [a[best]!, a[column]!];
    const pivot = a[column]![column]!;
    for (let j = 0; j < 2 * size; j++) a[column]![j]! /= pivot;
    for (let i = 0; i < size; i++) {
      const factor = a[i]![column]!;
      if (i === column || factor === 0) continue;
      for (let j = column; j < 2 * size; j++) a[i]![j]! -= factor * a[column]![j]!;
    }
  }
  return Float64Array.from(
    { length: size * size },
    (_, at) => a[Math.floor(at / size)]![size + (at % size)]!,
  );
}

describe('invertPositiveDefinite', () => {
  it.each([
    { size: 1, block: 8, lambda: 1 },
    { size: 7, block: 8, lambda: 1 },
    { size: 8, block: 8, lambda: 1 },
    { size: 150, block: 32, lambda: 0.5 },
    { size: 260, block: 256, lambda: 100 },
  ])('agrees with float64: $size rows in blocks of $block, λ = $lambda', async ({ size, block, lambda }) => {
    const matrix = gramMatrix(size, lambda, size);
    const expected = referenceInverse(matrix, size);
    await invertPositiveDefinite(matrix, size, { block });
    const largest = expected.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0);
    for (const [at, value] of expected.entries()) {
      const error = Math.abs(matrix[at]! - value);
      if (error > 2e-5 * largest) expect.fail(`entry ${at}: expected ${value}, found ${matrix[at]}`);
    }
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < i; j++) expect(matrix[i * size + j]).toBe(matrix[j * size + i]);
    }
  });

  it('refuses a matrix that is not positive definite, naming the row', async () => {
    await expect(invertPositiveDefinite(Float32Array.of(1, 2, 2, 1), 2)).rejects.toThrow(
      /expected a positive definite matrix, found pivot -3 in row 1/,
    );
    await expect(invertPositiveDefinite(new Float32Array(9), 3)).rejects.toThrow(FitError);
  });

  it('tells its progress, stops where that throws, and leaves no tensor', async () => {
    const { tf } = await openBackend();
    const before = tf.memory().numTensors;
    const heard: number[] = [];
    await invertPositiveDefinite(gramMatrix(20, 1, 1), 20, { block: 8, progress: (f) => heard.push(f) });
    expect(heard).toEqual([0.4, 0.8, 1]);
    const stop = invertPositiveDefinite(gramMatrix(20, 1, 1), 20, {
      block: 8,
      progress: () => {
        throw new Error('stop');
      },
    });
    await expect(stop).rejects.toThrow('stop');
    expect(tf.memory().numTensors).toBe(before);
  });
});
