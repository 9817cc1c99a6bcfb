import * as tf from '@tensorflow/tfjs-core';
import { type SoftmaxLists, softmaxWithSlopes } from '../backend/ops.ts';
import { columnsOf } from './softmax-arrays.ts';
import type { WindowBatch } from './windows.ts';

/** Logits that are held at once: small enough to stay in the processor's caches. */
const logitsAtOnce = 1 << 20;

/**
 * Weighted mean over the places of a batch of −log softmax(queries · tableᵀ + bias)[target], where the items that a place's
 * history has take no part. Gradients are computed along with the loss, some rows at a time, so that the logits, which are the
 * largest thing in a step by far, are never held whole.
 * @param queries [places, width]
 * @param table [columns, width]: of all items, of which row 0 is padding and takes no part, or of `candidates`
 * @param bias [columns]
 * @param candidates item of each row of the table, where it is not all of them
 */
export function sequenceLoss(
  queries: tf.Tensor2D,
  table: tf.Tensor2D,
  bias: tf.Tensor1D,
  batch: WindowBatch,
  candidates?: Int32Array,
): tf.Scalar {
  const lists = listsOf(batch, table.shape[0], candidates);
  const fused = tf.customGrad((...inputs) => {
    const [q, e, b] = inputs as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D, unknown];
    const { loss, ...gradients } = lossAndGradients(q, e, b, lists);
    const save = inputs[3] as unknown as tf.GradSaveFunc;
    save([gradients.byQueries, gradients.byTable, gradients.byBias]);
    return {
      value: loss,
      gradFunc: (dy, saved) => (saved as tf.Tensor[]).map((gradient) => tf.mul(gradient, dy as tf.Tensor)),
    };
  });
  return fused(queries, table, bias) as tf.Scalar;
}

type Lists = SoftmaxLists<Int32Array, Float32Array>;

function listsOf(
  { targets, targetWeights, known, knownStarts, knownEnds }: WindowBatch,
  columns: number,
  candidates: Int32Array | undefined,
): Lists {
  const rows = candidates ? 1 + (candidates.at(-1) ?? 0) : columns;
  const columnOf = columnsOf(candidates, rows);
  const total = targetWeights.reduce((sum, weight) => sum + weight, 0);
  // Places before each entry of `known` that are kept, now that only candidates are.
  const before = new Int32Array(known.length + 1);
  const excluded = new Int32Array(known.length);
  let at = 0;
  for (let i = 0; i < known.length; i++) {
    before[i] = at;
    const column = known[i]! < rows ? columnOf[known[i]!]! : -1;
    if (column >= 0) excluded[at++] = column;
  }
  before[known.length] = at;
  return {
    targets: targets.map((item) => columnOf[item]!),
    targetWeights: targetWeights.map((weight) => weight / total),
    targetEnds: targets.map((_, place) => place + 1),
    excluded: excluded.subarray(0, at),
    excludedStarts: knownStarts.map((start) => before[start]!),
    excludedEnds: knownEnds.map((end) => before[end]!),
  };
}

function lossAndGradients(queries: tf.Tensor2D, table: tf.Tensor2D, bias: tf.Tensor1D, lists: Lists) {
  const [places, width] = queries.shape;
  const rowsAtOnce = Math.max(1, Math.floor(logitsAtOnce / table.shape[0]));
  return tf.tidy(() => {
    const excluded = tf.tensor1d(lists.excluded, 'int32');
    const byQueries: tf.Tensor2D[] = [];
    let sums:
      | { readonly loss: tf.Tensor; readonly byTable: tf.Tensor; readonly byBias: tf.Tensor }
      | undefined;
    for (let start = 0; start < places; start += rowsAtOnce) {
      const count = Math.min(rowsAtOnce, places - start);
      const previous = sums;
      const part = tf.tidy(() => {
        const rows = tf.slice(queries, [start, 0], [count, width]);
        const logits = tf.matMul(rows, table, false, true) as tf.Tensor2D;
        const { sum, byLogits, byBias } = softmaxWithSlopes(
          logits,
          rowsOf(lists, excluded, start, count),
          bias,
        );
        const byTable = tf.matMul(byLogits, rows as tf.Tensor2D, true);
        const add = (before: tf.Tensor | undefined, now: tf.Tensor) => (before ? tf.add(before, now) : now);
        return {
          sums: {
            loss: add(previous?.loss, sum),
            byTable: add(previous?.byTable, byTable),
            byBias: add(previous?.byBias, byBias),
          },
          byQueries: tf.matMul(byLogits, table) as tf.Tensor2D,
        };
      });
      if (previous) tf.dispose(previous);
      sums = part.sums;
      byQueries.push(part.byQueries);
    }
    const { loss, byTable, byBias } = sums!;
    return { loss: loss as tf.Scalar, byTable, byBias, byQueries: tf.concat(byQueries, 0) };
  });
}

/** The lists of `count` rows from `start`. */
function rowsOf(lists: Lists, excluded: tf.Tensor1D, start: number, count: number): SoftmaxLists {
  const own = (list: Int32Array) => tf.tensor1d(list.subarray(start, start + count), 'int32');
  return {
    // One target a row.
    targets: own(lists.targets),
    targetWeights: tf.tensor1d(lists.targetWeights.subarray(start, start + count)),
    targetEnds: tf.tensor1d(lists.targetEnds.subarray(0, count), 'int32'),
    excluded,
    excludedStarts: own(lists.excludedStarts),
    excludedEnds: own(lists.excludedEnds),
  };
}
