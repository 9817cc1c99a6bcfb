import { multiply, type SparseMatrix, transpose } from './sparse.ts';

export interface RidgeOptions {
  /** λ, the weight of the coefficients' squares. */
  readonly regularisation: number;
  /** Where the residual's norm is this part of what it was, a column is solved. */
  readonly tolerance?: number;
  readonly iterations?: number;
}

/**
 * B [columns, width] of least ‖M·B − Y‖² + λ‖B‖² for a dense, row-major Y [rows, width]: the normal equations
 * (MᵀM + λI)·B = MᵀY by conjugate gradients (Hestenes & Stiefel 1952), all columns of Y at once. MᵀM is never formed, so
 * that an iteration costs two passes over M's entries.
 */
export function ridge(
  matrix: SparseMatrix,
  targets: Float32Array,
  width: number,
  { regularisation, tolerance = 1e-4, iterations = 100 }: RidgeOptions,
): Float32Array {
  const transposed = transpose(matrix);
  const residual = multiply(transposed, targets, width);
  const direction = residual.slice();
  const solution = new Float32Array(residual.length);
  let squares = columnDots(residual, residual, width);
  const enough = squares.map((square) => square * tolerance ** 2);
  for (let round = 0; round < iterations && squares.some((square, j) => square > enough[j]!); round++) {
    const image = multiply(transposed, multiply(matrix, direction, width), width);
    for (let at = 0; at < image.length; at++) image[at]! += regularisation * direction[at]!;
    const curvature = columnDots(direction, image, width);
    const step = squares.map((square, j) => (curvature[j]! > 0 ? square / curvature[j]! : 0));
    addScaled(solution, direction, step, width);
    addScaled(
      residual,
      image,
      step.map((length) => -length),
      width,
    );
    const next = columnDots(residual, residual, width);
    for (let at = 0; at < direction.length; at++) {
      const j = at % width;
      direction[at] = residual[at]! + (squares[j]! > 0 ? next[j]! / squares[j]! : 0) * direction[at]!;
    }
    squares = next;
  }
  return solution;
}

/** [width] dot products of the columns of two tall matrices. */
function columnDots(a: Float32Array, b: Float32Array, width: number): Float64Array {
  const sums = new Float64Array(width);
  for (let at = 0; at < a.length; at++) sums[at % width]! += a[at]! * b[at]!;
  return sums;
}

/** a += b · diag(factors), in place. */
function addScaled(a: Float32Array, b: Float32Array, factors: Float64Array, width: number): void {
  for (let at = 0; at < a.length; at++) a[at]! += b[at]! * factors[at % width]!;
}
