import * as tf from '@tensorflow/tfjs-core';
import { type SoftmaxLists, sparseSoftmaxCrossEntropy } from '../backend/ops.ts';
import type { SoftmaxArrays } from './softmax-arrays.ts';

/** Lists as tensors of the current tidy scope; the arrays must stay as they are while it lasts. */
export const listTensors = (lists: SoftmaxLists<Int32Array, Float32Array>): SoftmaxLists => ({
  targets: tf.tensor1d(lists.targets, 'int32'),
  targetWeights: tf.tensor1d(lists.targetWeights),
  targetEnds: tf.tensor1d(lists.targetEnds, 'int32'),
  excluded: tf.tensor1d(lists.excluded, 'int32'),
  excludedStarts: tf.tensor1d(lists.excludedStarts, 'int32'),
  excludedEnds: tf.tensor1d(lists.excludedEnds, 'int32'),
});

/**
 * Mean over the examples, by their weights, of the softmax cross-entropy.
 * @param queries [examples, width]
 * @param table [columns, width]: the candidates, or where there are none all items, of which row 0 is padding and takes no part
 * @param bias [columns] added to the items' logits
 */
export function softmaxLossOf(
  queries: tf.Tensor2D,
  table: tf.Tensor2D,
  arrays: SoftmaxArrays,
  bias?: tf.Tensor1D,
): tf.Scalar {
  const logits = tf.matMul(queries, table, false, true) as tf.Tensor2D;
  const chance = arrays.candidates && tf.tensor1d(arrays.candidates.logChance);
  const shift = chance ? ((bias ? tf.sub(bias, chance) : tf.neg(chance)) as tf.Tensor1D) : bias;
  return sparseSoftmaxCrossEntropy(logits, listTensors(arrays), shift);
}
