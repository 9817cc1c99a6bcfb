import * as tf from '@tensorflow/tfjs-core';
import { sparseSoftmaxCrossEntropy } from '../backend/ops.ts';
import type { Example } from './examples.ts';
import { heap } from './shared-memory.ts';
import { type Candidates, type SoftmaxArrays, type SoftmaxOptions, softmaxArrays } from './softmax-arrays.ts';

export { sampleCandidates } from './softmax-arrays.ts';

/**
 * Mean over the examples, by their weights, of the softmax cross-entropy.
 * @param queries [examples, width]
 * @param table [rows, width] of items, all of them: row 0 is padding and takes no part
 */
export function softmaxLossOf(
  queries: tf.Tensor2D,
  table: tf.Tensor2D,
  { targets, targetWeights, excluded, candidates }: SoftmaxArrays,
): tf.Scalar {
  const rows = candidates ? tf.gather(table, tf.tensor1d(candidates.items, 'int32')) : table;
  const product = tf.matMul(queries, rows, false, true) as tf.Tensor2D;
  const logits = candidates ? (tf.sub(product, tf.tensor1d(candidates.logChance)) as tf.Tensor2D) : product;
  return sparseSoftmaxCrossEntropy(
    logits,
    tf.tensor1d(targets, 'int32'),
    tf.tensor1d(targetWeights),
    tf.tensor1d(excluded, 'int32'),
  );
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
