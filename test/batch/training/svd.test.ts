import { describe, expect, it } from 'vitest';
import { gram, orthonormalise, symmetricEigen } from '../../../batch/training/dense.ts';
import { normal, seededRandom } from '../../../batch/training/random.ts';
import { multiply, type SparseMatrix, transpose } from '../../../batch/training/sparse.ts';
import { spectralItemVectors, truncatedSvd } from '../../../batch/training/svd.ts';

const sparse = (dense: readonly (readonly number[])[]): SparseMatrix => {
  const entries = dense.map((row) => row.flatMap((value, column) => (value === 0 ? [] : [[column, value]])));
  const offsets = new Uint32Array(dense.length + 1);
  for (const [row, list] of entries.entries()) offsets[row + 1] = offsets[row]! + list.length;
  return {
    rows: dense.length,
    columns: dense[0]!.length,
    offsets,
    indices: Int32Array.from(entries.flat(), ([column]) => column!),
    values: Float32Array.from(entries.flat(), ([, value]) => value!),
  };
};

const randomDense = (rows: number, columns: number, density: number, seed: number): number[][] => {
  const random = seededRandom(seed);
  const gaussian = normal(seededRandom(seed + 1));
  return Array.from({ length: rows }, () =>
    Array.from({ length: columns }, () => (random() < density ? gaussian() : 0)),
  );
};

/** All singular values by the eigenvalues of MMᵀ or MᵀM, in float64: the dense reference. */
const referenceSingularValues = (dense: number[][]): number[] => {
  const columns = dense[0]!.length;
  const product = new Float64Array(columns * columns);
  for (const row of dense) {
    for (let i = 0; i < columns; i++) {
      for (let j = 0; j < columns; j++)
        product[i * columns + j]! += Math.fround(row[i]!) * Math.fround(row[j]!);
    }
  }
  return Array.from(symmetricEigen(product, columns).values, (value) => Math.sqrt(Math.max(0, value)));
};

describe('symmetricEigen', () => {
  it('knows the eigenvalues of the path graph: 2 − 2 cos(πk / (n + 1))', () => {
    const size = 12;
    const matrix = new Float64Array(size * size);
    for (let i = 0; i < size; i++) {
      matrix[i * size + i] = 2;
      if (i > 0) matrix[i * size + i - 1] = matrix[(i - 1) * size + i] = -1;
    }
    const expected = Array.from(
      { length: size },
      (_, k) => 2 - 2 * Math.cos((Math.PI * (size - k)) / (size + 1)),
    );
    const { values, vectors } = symmetricEigen(matrix, size);
    for (const [k, value] of expected.entries()) expect(values[k]).toBeCloseTo(value, 12);
    for (let k = 0; k < size; k++) {
      for (let i = 0; i < size; i++) {
        let product = 0;
        for (let j = 0; j < size; j++) product += matrix[i * size + j]! * vectors[j * size + k]!;
        expect(product).toBeCloseTo(values[k]! * vectors[i * size + k]!, 11);
      }
    }
  });
});

describe('orthonormalise', () => {
  it('spans the columns with an orthonormal basis and zeroes dependent ones', () => {
    const gaussian = normal(seededRandom(3));
    const tall = Float32Array.from({ length: 50 * 4 }, gaussian);
    for (let row = 0; row < 50; row++) tall[row * 4 + 2] = tall[row * 4]! - 2 * tall[row * 4 + 1]!;
    const product = gram(orthonormalise(tall, 4), 4);
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 4; j++) {
        expect(product[i * 4 + j]).toBeCloseTo(i === j && i !== 2 ? 1 : 0, 5);
      }
    }
  });
});

describe('multiply and transpose', () => {
  it('agree with the dense product, rows of any length', () => {
    const dense = randomDense(17, 23, 0.4, 5);
    const matrix = sparse(dense);
    const factor = Float32Array.from({ length: 23 * 3 }, normal(seededRandom(6)));
    const product = multiply(matrix, factor, 3);
    for (const [row, values] of dense.entries()) {
      for (let j = 0; j < 3; j++) {
        const expected = values.reduce((sum, value, column) => sum + value * factor[column * 3 + j]!, 0);
        expect(product[row * 3 + j]).toBeCloseTo(expected, 5);
      }
    }
    expect(transpose(transpose(matrix))).toEqual(matrix);
  });
});

describe('truncatedSvd', () => {
  it.each([
    { rows: 60, columns: 40, rank: 8 },
    { rows: 40, columns: 60, rank: 8 },
    { rows: 30, columns: 30, rank: 30 },
  ])('finds the leading singular triplets of a $rows × $columns matrix', ({ rows, columns, rank }) => {
    const dense = randomDense(rows, columns, 0.3, rows);
    const matrix = sparse(dense);
    const expected = referenceSingularValues(dense);
    const svd = truncatedSvd(matrix, { rank, seed: 1, iterations: 30 });
    for (let k = 0; k < rank; k++) expect(svd.singularValues[k]).toBeCloseTo(expected[k]!, 4);
    // M V = U Σ holds for every triplet that has a singular value.
    const product = multiply(matrix, svd.right, rank);
    for (let at = 0; at < product.length; at++) {
      expect(product[at]).toBeCloseTo(svd.left[at]! * svd.singularValues[at % rank]!, 4);
    }
    const identity = gram(svd.right, rank);
    for (let i = 0; i < rank; i++) expect(identity[i * rank + i]).toBeCloseTo(1, 4);
  });

  it('gives zeros, not noise, beyond the rank of the matrix', () => {
    const dense = Array.from({ length: 20 }, (_, row) =>
      Array.from({ length: 10 }, (_, column) => ((row + column) % 2 === 0 ? 1 : 0)),
    );
    const svd = truncatedSvd(sparse(dense), { rank: 4, seed: 1 });
    const root = Math.sqrt(50);
    expect(svd.singularValues[0]).toBeCloseTo(root, 5);
    expect(svd.singularValues[1]).toBeCloseTo(root, 5);
    expect([...svd.singularValues.subarray(2)]).toEqual([0, 0]);
    for (let row = 0; row < 20; row++)
      expect([...svd.left.subarray(row * 4 + 2, row * 4 + 4)]).toEqual([0, 0]);
  });

  it('is the same for the same seed, and a matrix of zeros has no singular values', () => {
    const matrix = sparse(randomDense(30, 20, 0.3, 9));
    expect(truncatedSvd(matrix, { rank: 5, seed: 7 })).toEqual(truncatedSvd(matrix, { rank: 5, seed: 7 }));
    const empty: SparseMatrix = { ...matrix, values: new Float32Array(matrix.values.length) };
    expect([...truncatedSvd(empty, { rank: 3, seed: 1 }).singularValues]).toEqual([0, 0, 0]);
  });
});

describe('spectralItemVectors', () => {
  it('puts items bought together near each other, and keeps items without events at zero', () => {
    const dense = Array.from({ length: 40 }, (_, user) =>
      Array.from({ length: 12 }, (_, item) => (item > 0 && item < 11 && item % 2 === user % 2 ? 1 : 0)),
    );
    const vectors = spectralItemVectors(sparse(dense), { dimensions: 4, seed: 1 });
    const dot = (a: number, b: number): number => {
      let sum = 0;
      for (let d = 0; d < 4; d++) sum += vectors[a * 4 + d]! * vectors[b * 4 + d]!;
      return sum;
    };
    expect(dot(1, 3)).toBeGreaterThan(0.1);
    expect(Math.abs(dot(1, 2))).toBeLessThan(1e-5);
    expect(dot(0, 0) + dot(11, 11)).toBe(0);
  });
});
