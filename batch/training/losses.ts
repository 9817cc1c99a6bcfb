import * as tf from '@tensorflow/tfjs-core';
import { type SoftmaxLists, sparseSoftmaxCrossEntropy } from '../backend/ops.ts';
import type { Example } from './examples.ts';
import { heap } from './shared-memory.ts';
import { type Candidates, type SoftmaxArrays, type SoftmaxOptions, softmaxArrays } from './softmax-arrays.ts';

export { sampleCandidates } from './softmax-arrays.ts';

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
 * @param table [rows, width] of items, all of them: row 0 is padding and takes no part
 * @param bias [rows] added to the items' logits
 */
export function softmaxLossOf(
  queries: tf.Tensor2D,
  table: tf.Tensor2D,
  arrays: SoftmaxArrays,
  bias?: tf.Tensor1D,
): tf.Scalar {
  const { candidates } = arrays;
  const chosen = candidates && tf.tensor1d(candidates.items, 'int32');
  const logits = tf.matMul(queries, chosen ? tf.gather(table, chosen) : table, false, true) as tf.Tensor2D;
  const own = bias && chosen ? tf.gather(bias, chosen) : bias;
  const chance = candidates && tf.tensor1d(candidates.logChance);
  const shift = chance ? ((own ? tf.sub(own, chance) : tf.neg(chance)) as tf.Tensor1D) : own;
  return sparseSoftmaxCrossEntropy(logits, listTensors(arrays), shift);
}

/** The same of examples. */
export const softmaxLoss = (
  queries: tf.Tensor2D,
  table: tf.Tensor2D,
  examples: readonly Example[],
  candidates: Candidates | undefined,
  options: SoftmaxOptions,
): tf.Scalar =>
  softmaxLossOf(queries, table, softmaxArrays(examples, table.shape[0], candidates, options, heap));
