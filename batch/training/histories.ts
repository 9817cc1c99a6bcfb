import * as tf from '@tensorflow/tfjs-core';
import { ages, positions } from '../../shared/features.ts';
import { type History, latest } from '../../shared/history.ts';

/**
 * Histories of a batch laid end to end, so that nothing is padded: [events] each, and which history an event belongs to.
 * What the arrays hold is what shared/features.ts says of them.
 */
export interface HistoryBatch {
  readonly count: number;
  readonly items: tf.Tensor1D;
  readonly bags: tf.Tensor1D;
  readonly ages: tf.Tensor1D;
  readonly positions: tf.Tensor1D;
  readonly weights: tf.Tensor1D;
}

/** The newest `length` events of each history, as tensors of the current tidy scope. */
export function historyBatch(histories: readonly History[], length: number): HistoryBatch {
  const cut = histories.map((history) => latest(history, length));
  const events = cut.reduce((sum, { items }) => sum + items.length, 0);
  const arrays = {
    items: new Int32Array(events),
    bags: new Int32Array(events),
    ages: new Float32Array(events),
    positions: new Float32Array(events),
    weights: new Float32Array(events),
  };
  let start = 0;
  for (const [bag, history] of cut.entries()) {
    const end = start + history.items.length;
    arrays.items.set(history.items, start);
    arrays.bags.fill(bag, start, end);
    ages(history, arrays.ages.subarray(start, end));
    positions(history, arrays.positions.subarray(start, end));
    arrays.weights.set(history.weights, start);
    start = end;
  }
  return {
    count: histories.length,
    items: tf.tensor1d(arrays.items, 'int32'),
    bags: tf.tensor1d(arrays.bags, 'int32'),
    ages: tf.tensor1d(arrays.ages),
    positions: tf.tensor1d(arrays.positions),
    weights: tf.tensor1d(arrays.weights),
  };
}
