import * as tf from '@tensorflow/tfjs-core';
import type { WindowBatch } from './windows.ts';

/** Logits that are held at once: small enough to stay in the processor's caches. */
const logitsAtOnce = 1 << 20;

/**
 * Weighted mean over the places of a batch of −log softmax(queries · tableᵀ)[target], where the items that a place's history has
 * take no part. Gradients are computed along with the loss, some rows at a time, so that the logits, which are the largest
 * thing in a step by far, are never held whole.
 * @param queries [places, width]
 * @param table [columns, width]: of all items, of which row 0 is padding and takes no part, or of `candidates`
 * @param candidates item of each row of the table, where it is not all of them
 */
export function sequenceLoss(
  queries: tf.Tensor2D,
  table: tf.Tensor2D,
  batch: WindowBatch,
  candidates?: Int32Array,
): tf.Scalar {
  const positions = positionsOf(batch, table.shape[0], candidates);
  const fused = tf.customGrad((...inputs) => {
    const [q, e] = inputs as [tf.Tensor2D, tf.Tensor2D, unknown];
    const { loss, byQueries, byTable } = lossAndGradients(q, e, positions);
    const save = inputs[2] as unknown as tf.GradSaveFunc;
    save([byQueries, byTable]);
    return {
      value: loss,
      gradFunc: (dy, saved) => (saved as tf.Tensor[]).map((gradient) => tf.mul(gradient, dy as tf.Tensor)),
    };
  });
  return fused(queries, table) as tf.Scalar;
}

interface LossPositions {
  /** [places] column of each place's target, and its share of the loss. */
  readonly columns: Int32Array;
  readonly shares: Float32Array;
  /** Columns that take no part in place i: excluded[ends[i − 1] … ends[i] − 1]. */
  readonly excluded: Int32Array;
  readonly ends: Int32Array;
}

function positionsOf(
  { targets, targetWeights, known, knownEnds }: WindowBatch,
  size: number,
  candidates: Int32Array | undefined,
): LossPositions {
  const total = targetWeights.reduce((sum, weight) => sum + weight, 0);
  const shares = targetWeights.map((weight) => weight / total);
  const columnOf = new Int32Array(candidates ? 1 + (candidates.at(-1) ?? 0) : size).fill(-1);
  if (candidates) for (const [column, item] of candidates.entries()) columnOf[item] = column;
  else for (let item = 0; item < size; item++) columnOf[item] = item;
  const excluded = new Int32Array(known.length + targets.length);
  const ends = new Int32Array(targets.length);
  let at = 0;
  for (let place = 0, from = 0; place < targets.length; place++) {
    if (!candidates) excluded[at++] = 0;
    for (; from < knownEnds[place]!; from++) {
      const column = columnOf[known[from]!] ?? -1;
      if (column >= 0) excluded[at++] = column;
    }
    ends[place] = at;
  }
  return { columns: targets.map((item) => columnOf[item]!), shares, excluded, ends };
}

function lossAndGradients(queries: tf.Tensor2D, table: tf.Tensor2D, positions: LossPositions) {
  const [places, width] = queries.shape;
  const columns = table.shape[0];
  const rowsAtOnce = Math.max(1, Math.floor(logitsAtOnce / columns));
  return tf.tidy(() => {
    let loss: tf.Tensor = tf.scalar(0);
    let byTable: tf.Tensor = tf.zerosLike(table);
    const byQueries: tf.Tensor2D[] = [];
    for (let start = 0; start < places; start += rowsAtOnce) {
      const count = Math.min(rowsAtOnce, places - start);
      const previous = [loss, byTable];
      const part = tf.tidy(() => {
        const rows = tf.slice(queries, [start, 0], [count, width]);
        const logits = tf.matMul(rows, table, false, true);
        const [sum, slopes] = softmaxWithSlopes(logits as tf.Tensor2D, positions, start);
        return {
          loss: tf.add(loss, sum),
          byTable: tf.add(byTable, tf.matMul(slopes, rows as tf.Tensor2D, true)),
          byQueries: tf.matMul(slopes, table) as tf.Tensor2D,
        };
      });
      tf.dispose(previous);
      ({ loss, byTable } = part);
      byQueries.push(part.byQueries);
    }
    return { loss: loss as tf.Scalar, byTable, byQueries: tf.concat(byQueries, 0) };
  });
}

/** The loss of consecutive places from `start`, and its gradient by their logits. */
function softmaxWithSlopes(
  logits: tf.Tensor2D,
  { columns, shares, excluded, ends }: LossPositions,
  start: number,
): [tf.Tensor, tf.Tensor2D] {
  const [count, width] = logits.shape;
  const from = start === 0 ? 0 : ends[start - 1]!;
  const barred = excluded.slice(from, ends[start + count - 1]);
  for (let row = 0, at = 0; row < count; row++) {
    for (; at < ends[start + row]! - from; at++) barred[at]! += row * width;
  }
  const inputs = {
    logits,
    targets: tf.tensor1d(
      columns.slice(start, start + count).map((column, row) => row * width + column),
      'int32',
    ),
    targetWeights: tf.tensor1d(shares.slice(start, start + count)),
    excluded: tf.tensor1d(barred, 'int32'),
  };
  return tf.engine().runKernel<tf.Tensor[]>('SparseSoftmaxCrossEntropy', inputs) as [tf.Tensor, tf.Tensor2D];
}
