import * as tf from '@tensorflow/tfjs-core';
import { embeddingBag } from '../../../ops.ts';

type Inputs = Readonly<Record<string, tf.Tensor>>;
interface Call {
  /** Tensors, as the engine hands them over. */
  readonly inputs: Inputs;
  readonly attrs: { readonly count: number };
}

/** Keeps the square root of an attention sum differentiable when every weight is 0. */
const leastAttention = 1e-12;

const column = (values: tf.Tensor): tf.Tensor => tf.reshape(values, [-1, 1]);

/** See ops.ts for the formula; also the attention [n, heads] and its sums [count, heads]. */
export const composedAttentionBag = ({ inputs, attrs: { count } }: Call): tf.Tensor[] =>
  tf.tidy(() => {
    const of = (name: string) => inputs[name]! as tf.Tensor2D;
    const [items, bags] = [inputs['items'] as tf.Tensor1D, inputs['bags'] as tf.Tensor1D];
    const byPosition = tf.mul(column(tf.log1p(of('positions'))), of('position'));
    const byAge = tf.mul(column(of('ages')), of('age'));
    const logits = tf.add(tf.gather(of('gates'), items), tf.add(byPosition, byAge));
    const attention = tf.mul(column(of('weights')), tf.exp(logits)) as tf.Tensor2D;
    const totals = tf.unsortedSegmentSum(attention, bags, count);
    const sums = embeddingBag(of('table'), attention, items, bags, count);
    const pooled = tf.div(sums, tf.expandDims(tf.sqrt(tf.add(totals, leastAttention)), 2));
    return [pooled, attention, totals];
  });

/** Gradients by table, gates, position and age. */
export const composedAttentionBagGrad = ({ inputs }: Call): tf.Tensor[] =>
  tf.tidy(() => {
    const of = (name: string) => inputs[name]!;
    const [table, weights, indices, bags] = [of('table'), of('attention'), of('items'), of('bags')];
    const totals = tf.add(of('totals'), leastAttention);
    const dy = tf.div(of('dy'), tf.expandDims(tf.sqrt(totals), 2));
    const slopesOf = (by: 'Table' | 'Weights'): tf.Tensor =>
      tf.engine().runKernel(`EmbeddingBagGrad${by}`, { dy, table, weights, indices, bags });
    const byTable = slopesOf('Table');
    const byAttention = slopesOf('Weights');
    const byTotals = tf.div(tf.sum(tf.mul(of('dy'), of('pooled')), 2), tf.mul(totals, -2));
    const byLogits = tf.mul(
      weights,
      tf.add(byAttention, tf.gather(byTotals, bags as tf.Tensor1D)),
    ) as tf.Tensor2D;
    const byGates = tf.unsortedSegmentSum(byLogits, indices as tf.Tensor1D, table.shape[0]!);
    const times = (values: tf.Tensor): tf.Tensor => tf.sum(tf.mul(byLogits, column(values)), 0, true);
    return [byTable, byGates, times(tf.log1p(of('positions'))), times(of('ages'))];
  });
