import * as tf from '@tensorflow/tfjs-core';
import { eventFeatures, historyFeatures, type RankerBatch } from './ctr-ranker-layout.ts';
import { parameterNames, type Shape, type Weights } from './ctr-ranker-parameters.ts';

/** What is computed of histories whatever is asked. */
export interface HistoryState {
  /** [users, 2 · D] */
  readonly summary: tf.Tensor2D;
  /** [users, heads, L, headWidth] */
  readonly keys: tf.Tensor;
  readonly values: tf.Tensor;
}

export function readHistory(
  parameters: Weights,
  shape: Shape,
  table: tf.Tensor2D,
  batch: RankerBatch,
): HistoryState {
  const p = (name: string): tf.Tensor2D => parameters[name] as tf.Tensor2D;
  const names = parameterNames;
  const { users, length } = batch;
  const places = users * length;
  const events = tf.tensor2d(batch.events, [places, eventFeatures.length]);
  const liked = tf.slice(events, [0, 0], [places, 1]);
  const signs = tf.slice(events, [0, 0], [places, 2]);
  const present = tf.sum(signs, 1, true);
  // What is no event keeps a row of zeros, whatever padding's own row would be trained to.
  const rows = tf.mul(tf.gather(table, tf.tensor1d(batch.items, 'int32')), present) as tf.Tensor2D;
  const expected = tf.sigmoid(tf.add(tf.matMul(rows, p(names.expected)), p(names.expectedBias)));
  const surprise = tf.sub(liked, tf.mul(present, expected)) as tf.Tensor2D;
  const surprising = tf.mul(rows, surprise) as tf.Tensor2D;
  const signed = tf.concat([surprising, signs, surprise], 1) as tf.Tensor2D;
  const values = tf.matMul(signed, p(names.value)) as tf.Tensor2D;
  const keys = tf.add(tf.matMul(rows, p(names.key)), tf.matMul(events, p(names.keyEvent))) as tf.Tensor2D;
  return {
    summary: summarise(parameters, { rows, signs: signs as tf.Tensor2D, surprise }, batch),
    keys: byHead(keys, users, length, shape.heads),
    values: byHead(values, users, length, shape.heads),
  };
}

type Pools = Readonly<Record<'rows' | 'signs' | 'surprise', tf.Tensor2D>>;

/** [users, 2 · D]: the means over a history, and how many events they are of, through one layer. */
function summarise(
  parameters: Weights,
  { rows, signs, surprise }: Pools,
  { users, length, histories }: RankerBatch,
): tf.Tensor2D {
  const names = parameterNames;
  const facts = tf.tensor2d(histories, [users, historyFeatures.length]);
  const shares = tf.slice(facts, [0, historyFeatures.indexOf('perLiked')], [users, 3]);
  const pooling = tf.reshape(tf.concat([signs, surprise], 1), [users, length, 3]);
  const ones = tf.ones([users, length, 1]);
  const described = tf.concat([tf.reshape(rows, [users, length, -1]), ones], 2);
  // [users, 3, D + 1]: of each pool the sum of its rows, and of its signs.
  const sums = tf.mul(
    tf.matMul(pooling as tf.Tensor3D, described as tf.Tensor3D, true, false),
    tf.reshape(shares, [users, 3, 1]),
  );
  const width = rows.shape[1];
  const means = tf.reshape(tf.slice(sums, [0, 0, 0], [users, 3, width]), [users, 3 * width]);
  const surprised = tf.reshape(tf.slice(sums, [0, 2, width], [users, 1, 1]), [users, 1]);
  const input = tf.concat([means, surprised, facts], 1) as tf.Tensor2D;
  return tf.relu(
    tf.add(tf.matMul(input, parameters[names.summary] as tf.Tensor2D), parameters[names.summaryBias]!),
  );
}

/** [users · places, heads · width] → [users, heads, places, width]. */
const byHead = (x: tf.Tensor2D, users: number, places: number, heads: number): tf.Tensor =>
  tf.transpose(tf.reshape(x, [users, places, heads, -1]), [0, 2, 1, 3]);

/** [users · C, heads · headWidth] */
export function attend(
  parameters: Weights,
  { heads, headWidth }: Shape,
  candidates: tf.Tensor2D,
  { keys, values }: HistoryState,
  { users, length, questions, padding }: RankerBatch,
): tf.Tensor2D {
  const names = parameterNames;
  const queries = tf.add(
    tf.matMul(candidates, parameters[names.query] as tf.Tensor2D),
    parameters[names.queryBias]!,
  ) as tf.Tensor2D;
  const scaled = byHead(tf.mul(queries, 1 / Math.sqrt(headWidth)), users, questions, heads);
  const match = tf.add(tf.matMul(scaled, keys, false, true), tf.tensor4d(padding, [users, 1, 1, length]));
  const pooled = tf.matMul(tf.softmax(match), values);
  return tf.reshape(tf.transpose(pooled, [0, 2, 1, 3]), [users * questions, heads * headWidth]);
}
