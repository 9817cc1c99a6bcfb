import type { Dataset } from '../data/dataset.ts';
import { gram, multiplySmall, orthonormalise, symmetricEigen } from './dense.ts';
import { normal, seededRandom } from './random.ts';
import {
  columnSums,
  damping,
  interactionMatrix,
  multiply,
  rowSums,
  type SparseMatrix,
  scale,
  transpose,
} from './sparse.ts';

/** M ≈ left · diag(singularValues) · rightᵀ. Both sides have orthonormal columns. */
export interface Svd {
  readonly rank: number;
  /** [rank], non-increasing. Zeros where the matrix has a smaller rank; the vectors are zeros there too. */
  readonly singularValues: Float64Array;
  /** [rows, rank], row-major. */
  readonly left: Float32Array;
  /** [columns, rank], row-major. */
  readonly right: Float32Array;
}

export interface SvdOptions {
  readonly rank: number;
  readonly seed: number;
  /** Rounds of MᵀM: each sharpens the subspace by the squared ratio of neighbouring singular values. */
  readonly iterations?: number;
  /** Directions carried along beyond `rank`, so that the last ones wanted converge too. */
  readonly oversampling?: number;
}

/**
 * Truncated singular value decomposition by randomised subspace iteration (Halko, Martinsson & Tropp 2011,
 * algorithm 4.4). Iterates on the side of the columns; the products run over the stored entries only.
 */
export function truncatedSvd(matrix: SparseMatrix, options: SvdOptions): Svd {
  const { rank, seed, iterations = 8, oversampling = Math.max(16, rank >> 1) } = options;
  const width = Math.min(rank + oversampling, Math.max(matrix.rows, matrix.columns));
  const transposed = transpose(matrix);
  const random = normal(seededRandom(seed));
  let basis: Float32Array = Float32Array.from({ length: matrix.columns * width }, random);
  for (let round = 0; round < iterations; round++) {
    basis = orthonormalise(multiply(transposed, multiply(matrix, basis, width), width), width);
  }
  basis = orthonormalise(basis, width);
  const projected = multiply(matrix, basis, width);
  const { values, vectors } = symmetricEigen(gram(projected, width), width);
  // float32 entries leave singular values below this indistinguishable from zero.
  const floor = 1e-6 * Math.sqrt(Math.max(0, values[0] ?? 0));
  const singularValues = new Float64Array(rank);
  const toRight = new Float64Array(width * rank);
  const toLeft = new Float64Array(width * rank);
  for (let j = 0; j < Math.min(rank, width); j++) {
    const value = Math.sqrt(Math.max(0, values[j]!));
    if (value <= floor) continue;
    singularValues[j] = value;
    for (let i = 0; i < width; i++) {
      toRight[i * rank + j] = vectors[i * width + j]!;
      toLeft[i * rank + j] = vectors[i * width + j]! / value;
    }
  }
  return {
    rank,
    singularValues,
    left: multiplySmall(projected, width, toLeft, rank),
    right: multiplySmall(basis, width, toRight, rank),
  };
}

export interface SpectralOptions {
  readonly dimensions: number;
  readonly seed: number;
  /** How far long histories are damped: 0 not at all, 1 to a mean. */
  readonly userPower?: number;
  /** How far popular items are damped. */
  readonly itemPower?: number;
  /** 0 weighs all directions alike, 1 as the matrix does. */
  readonly singularPower?: number;
}

/**
 * Item vectors V · Σ^p, [items, dimensions], from the truncated SVD U Σ Vᵀ of D_u^−a · X · D_i^−b, where D_u and D_i
 * hold the users' and the items' degrees. A user is the sum of their items' vectors, a score a dot product of the
 * two: a recommender as it stands, and where a two-tower starts. Rows of items without events are zeros, row 0 too.
 */
export function spectralItemVectors(interactions: SparseMatrix, options: SpectralOptions): Float32Array {
  const { dimensions, seed, userPower = 0.5, itemPower = 0.3, singularPower = 0.5 } = options;
  const normalised = scale(
    interactions,
    damping(rowSums(interactions), userPower),
    damping(columnSums(interactions), itemPower),
  );
  const { right, singularValues } = truncatedSvd(normalised, { rank: dimensions, seed });
  const weights = singularValues.map((value) => (value > 0 ? value ** singularPower : 0));
  return right.map((value, at) => value * weights[at % dimensions]!);
}

/**
 * Spectral item vectors of a dataset at a root mean square length of 1 over the items that have events, so that one learning rate
 * suits all data; all zeros where no event has weight.
 */
export function unitSpectralVectors(dataset: Dataset, dimensions: number, seed: number): Float32Array {
  const matrix = interactionMatrix(dataset);
  const vectors = spectralItemVectors(matrix, { dimensions, seed });
  const squares = vectors.reduce((sum, value) => sum + value * value, 0);
  const factor = squares > 0 ? Math.sqrt(new Set(matrix.indices).size / squares) : 0;
  return vectors.map((value) => value * factor);
}
