import * as tf from '@tensorflow/tfjs-core';
import type { History } from '../../shared/history.ts';
import { type HistoryArrays, historyArrays } from './history-arrays.ts';
import { heap } from './shared-memory.ts';

/** {@link HistoryArrays} as tensors. */
export interface HistoryBatch {
  readonly count: number;
  readonly items: tf.Tensor1D;
  readonly bags: tf.Tensor1D;
  readonly ages: tf.Tensor1D;
  readonly positions: tf.Tensor1D;
  readonly weights: tf.Tensor1D;
}

/** Tensors of the current tidy scope; the arrays must stay as they are while it lasts. */
export const historyTensors = (arrays: HistoryArrays): HistoryBatch => ({
  count: arrays.count,
  items: tf.tensor1d(arrays.items, 'int32'),
  bags: tf.tensor1d(arrays.bags, 'int32'),
  ages: tf.tensor1d(arrays.ages),
  positions: tf.tensor1d(arrays.positions),
  weights: tf.tensor1d(arrays.weights),
});

/** The newest `length` events of each history, as tensors of the current tidy scope. */
export const historyBatch = (histories: readonly History[], length: number): HistoryBatch =>
  historyTensors(historyArrays(histories, length, heap));
