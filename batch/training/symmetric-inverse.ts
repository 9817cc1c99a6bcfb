import { setImmediate } from 'node:timers/promises';
import { FitError } from '../../shared/errors.ts';
import { openBackend } from '../backend/index.ts';

type Tensors = Awaited<ReturnType<typeof openBackend>>['tf'];

/**
 * Replaces a symmetric positive definite float32 matrix [size, size] by its inverse, in n³ floating-point operations
 * (Goodnight 1979, the sweep operator, in blocks): the pivots' blocks are inverted in float64, the rest is matrix
 * products of the TensorFlow backend. Only the lower triangle is read and kept up to date until the end.
 * @param progress hears the share done, 0…1, once a block; what it throws stops the inversion
 * @throws FitError when the matrix is not positive definite
 */
export async function invertPositiveDefinite(
  matrix: Float32Array,
  size: number,
  { block = 256, progress }: { readonly block?: number; readonly progress?: (fraction: number) => void } = {},
): Promise<void> {
  const { tf } = await openBackend();
  for (let start = 0; start < size; start += block) {
    sweep(tf, matrix, size, start, Math.min(block, size - start));
    progress?.(Math.min(1, (start + block) / size));
    // The products are synchronous: without a pause nothing else would run, not even a signal's handler.
    await setImmediate();
  }
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      const value = -matrix[i * size + j]!;
      matrix[i * size + j] = value;
      matrix[j * size + i] = value;
    }
  }
}

/** A_kk ← −A_kk⁻¹; A_ik ← A_ik A_kk⁻¹; A_ij ← A_ij − A_ik A_kk⁻¹ A_kj, for the block k of `width` rows at `start`. */
function sweep(tf: Tensors, a: Float32Array, size: number, start: number, width: number): void {
  const panel = rowsOf(a, size, start, width);
  const pivot = inverseOfBlock(panel, size, start, width);
  tf.tidy(() => {
    const rows = tf.tensor2d(panel, [width, size]);
    const factor = tf.matMul(rows, tf.tensor2d(Float32Array.from(pivot), [width, width]), true);
    for (let top = 0; top < size; top += width) {
      const height = Math.min(width, size - top);
      const reach = top + height;
      // Read outside the tidy: it would walk a typed array that it returns, number by number.
      const product = tf.tidy(() =>
        tf.matMul(tf.slice(factor, [top, 0], [height, width]), tf.slice(rows, [0, 0], [width, reach])),
      );
      const update = product.dataSync();
      product.dispose();
      for (let i = 0; i < height; i++) {
        const at = (top + i) * size;
        for (let j = 0; j < reach; j++) a[at + j]! -= update[i * reach + j]!;
      }
    }
    storePanel(a, size, start, width, factor.dataSync(), pivot);
  });
}

/** Rows start … start + width − 1 of the symmetric matrix whose lower triangle is stored. */
function rowsOf(a: Float32Array, size: number, start: number, width: number): Float32Array {
  const panel = new Float32Array(width * size);
  for (let i = 0; i < width; i++) {
    panel.set(a.subarray((start + i) * size, (start + i) * size + start + i + 1), i * size);
  }
  for (let j = start; j < size; j++) {
    for (let i = 0; i < width && start + i < j; i++) panel[i * size + j] = a[j * size + start + i]!;
  }
  return panel;
}

/** `factor` [size, width] is A_·k A_kk⁻¹. */
function storePanel(
  a: Float32Array,
  size: number,
  start: number,
  width: number,
  factor: ArrayLike<number>,
  pivot: Float64Array,
): void {
  for (let i = 0; i < width; i++) {
    for (let j = 0; j < start; j++) a[(start + i) * size + j] = factor[j * width + i]!;
    for (let j = 0; j <= i; j++) a[(start + i) * size + start + j] = -pivot[i * width + j]!;
  }
  for (let j = start + width; j < size; j++) {
    for (let i = 0; i < width; i++) a[j * size + start + i] = factor[j * width + i]!;
  }
}

/** Inverse of the block on the diagonal, by Cholesky in float64: A = LLᵀ, A⁻¹ = L⁻ᵀ L⁻¹. */
function inverseOfBlock(panel: Float32Array, size: number, start: number, width: number): Float64Array {
  const lower = new Float64Array(width * width);
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = panel[i * size + start + j]!;
      for (let k = 0; k < j; k++) sum -= lower[i * width + k]! * lower[j * width + k]!;
      if (i > j) lower[i * width + j] = sum / lower[j * width + j]!;
      else if (sum > 0) lower[i * width + i] = Math.sqrt(sum);
      else {
        throw new FitError(
          `inverse: expected a positive definite matrix, found pivot ${sum} in row ${start + i}`,
        );
      }
    }
  }
  return inverseFromCholesky(lower, width);
}

function inverseFromCholesky(lower: Float64Array, width: number): Float64Array {
  // Row j of `columns` is column j of L⁻¹, so that the products below run along rows.
  const columns = new Float64Array(width * width);
  for (let j = 0; j < width; j++) {
    const at = j * width;
    for (let i = j; i < width; i++) {
      let sum = i === j ? 1 : 0;
      for (let k = j; k < i; k++) sum -= lower[i * width + k]! * columns[at + k]!;
      columns[at + i] = sum / lower[i * width + i]!;
    }
  }
  const inverse = new Float64Array(width * width);
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < width; k++) sum += columns[i * width + k]! * columns[j * width + k]!;
      inverse[i * width + j] = sum;
      inverse[j * width + i] = sum;
    }
  }
  return inverse;
}
