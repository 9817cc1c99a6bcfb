import * as tf from '@tensorflow/tfjs-core';
import type { AdamWAttributes } from './kernels/adam-w.ts';

/**
 * Operations that tfjs lacks and training lives on. A backend provides their kernels: EmbeddingBag, EmbeddingBagGrad,
 * SparseSoftmaxCrossEntropy, AdamW.
 */

/**
 * out[b, k, :] = Σ over i with bags[i] = b of weights[i, k] · table[indices[i], :], [count, k, width], without ever laying out
 * the gathered rows. Differentiable by table and weights.
 */
export const embeddingBag = (
  table: tf.Tensor2D,
  weights: tf.Tensor2D,
  indices: tf.Tensor1D,
  bags: tf.Tensor1D,
  count: number,
): tf.Tensor3D => tf.engine().runKernel('EmbeddingBag', { table, weights, indices, bags }, { count });

/** Positions of a sparse [rows, columns] matrix, flat: row · columns + column. */
export type Positions = tf.Tensor1D;

/**
 * Σ over targets t of weight[t] · −log softmax(logits[row of t])[column of t], where the excluded positions take no part in
 * the softmax. Differentiable by logits. Targets must not be excluded.
 */
export function sparseSoftmaxCrossEntropy(
  logits: tf.Tensor2D,
  targets: Positions,
  targetWeights: tf.Tensor1D,
  excluded: Positions,
): tf.Scalar {
  const inputs = { logits, targets, targetWeights, excluded };
  return tf.engine().runKernel<tf.Tensor[]>('SparseSoftmaxCrossEntropy', inputs)[0] as tf.Scalar;
}

/** One AdamW step on `value`, in place, with its two moments; see kernels/adam-w.ts. */
export function adamW(
  value: tf.Variable,
  gradient: tf.Tensor,
  moments: { readonly mean: tf.Variable; readonly variance: tf.Variable },
  attributes: AdamWAttributes,
): void {
  tf.engine().runKernel('AdamW', { value, gradient, ...moments }, { ...attributes });
}

const gradients: readonly tf.GradConfig[] = [
  {
    kernelName: 'EmbeddingBag',
    inputsToSave: ['table', 'weights', 'indices', 'bags'],
    gradFunc: (dy, saved) => {
      const [table, weights, indices, bags] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      const inputs = { table, weights, indices, bags, dy: dy as tf.Tensor };
      const [byTable, byWeights] = tf.engine().runKernel<tf.Tensor[]>('EmbeddingBagGrad', inputs);
      return { table: () => byTable!, weights: () => byWeights! };
    },
  },
  {
    kernelName: 'SparseSoftmaxCrossEntropy',
    outputsToSave: [false, true],
    gradFunc: (dy, saved) => ({ logits: () => tf.mul(saved[0]!, (dy as tf.Tensor[])[0]!) }),
  },
];

/** Registers the gradients of these operations, once. */
export function registerOpGradients(): void {
  for (const gradient of gradients) {
    if (!tf.getGradient(gradient.kernelName)) tf.registerGradient(gradient);
  }
}
