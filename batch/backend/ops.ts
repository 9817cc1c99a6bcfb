import * as tf from '@tensorflow/tfjs-core';
import type { AdamWAttributes } from './kernels/adam-w.ts';

/**
 * Operations that tfjs lacks and training lives on. A backend provides their kernels: EmbeddingBag, EmbeddingBagGradTable,
 * EmbeddingBagGradWeights, AttentionBag, AttentionBagGrad, SparseSoftmaxCrossEntropy, AdamW, AdamWRows, SettleRows.
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

/** Keeps tensors for the gradient. */
type Save = (tensors: tf.Tensor[]) => void;

/** Events of `count` bags: [n] each. */
export interface BagEvents {
  readonly count: number;
  readonly items: tf.Tensor1D;
  readonly bags: tf.Tensor1D;
  readonly ages: tf.Tensor1D;
  readonly positions: tf.Tensor1D;
  readonly weights: tf.Tensor1D;
}

/**
 * out[b, k, :] = Σ_i a[i, k] · table[items[i]] / √(Σ_i a[i, k] + 1e-12) over the events i of bag b, with
 * a[i, k] = weights[i] · exp(gates[items[i], k] + log(1 + positions[i]) · position[k] + ages[i] · age[k]): [count, k, width].
 * Differentiable by table [rows, width], gates [rows, k], position [1, k] and age [1, k]. One kernel each way, where
 * composed of tfjs's operations it would be some forty.
 */
export function attentionBag(
  table: tf.Tensor2D,
  gates: tf.Tensor2D,
  position: tf.Tensor2D,
  age: tf.Tensor2D,
  { count, weights, ...events }: BagEvents,
): tf.Tensor3D {
  const pool = tf.customGrad((...args) => {
    const [rows, gate, byPosition, byAge, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, Save];
    const inputs = { table: rows, gates: gate, position: byPosition, age: byAge, weights, ...events };
    const [pooled, attention, totals] = tf.engine().runKernel<tf.Tensor[]>('AttentionBag', inputs, { count });
    const { items, bags, ages, positions } = events;
    const kept = {
      table: rows,
      pooled: pooled!,
      attention: attention!,
      totals: totals!,
      items,
      bags,
      ages,
      positions,
    };
    // All of them: what only the forward pass holds is gone when the gradient is asked for.
    save(Object.values(kept));
    return {
      value: pooled!,
      gradFunc: (dy, saved) => {
        const again = Object.fromEntries(Object.keys(kept).map((name, i) => [name, saved[i]!]));
        return tf.engine().runKernel<tf.Tensor[]>('AttentionBagGrad', { dy: dy as tf.Tensor, ...again });
      },
    };
  });
  return pool(table, gates, position, age) as tf.Tensor3D;
}

/** Columns that matter in each row of a [rows, columns] matrix. */
export interface SoftmaxLists<Integers = tf.Tensor1D, Floats = tf.Tensor1D> {
  /** The targets of row r are targets[targetEnds[r − 1]] … targets[targetEnds[r] − 1], which count what the weights say. */
  readonly targets: Integers;
  readonly targetWeights: Floats;
  /** [rows] */
  readonly targetEnds: Integers;
  /** What takes no part in row r is excluded[excludedStarts[r]] … excluded[excludedEnds[r] − 1]; rows may share places. */
  readonly excluded: Integers;
  /** [rows] each */
  readonly excludedStarts: Integers;
  readonly excludedEnds: Integers;
}

/**
 * Σ over rows and their targets t of weight[t] · −log softmax(logits[row] + bias)[target], where what is excluded takes no part in
 * the softmax. Differentiable by logits and bias. Targets must not be excluded.
 * @param bias [columns]; left out: none
 */
export function sparseSoftmaxCrossEntropy(
  logits: tf.Tensor2D,
  lists: SoftmaxLists,
  bias?: tf.Tensor1D,
): tf.Scalar {
  // Not a registered gradient: tfjs would make zeros for the further outputs, as large as the logits, at each step.
  const loss = tf.customGrad((...args) => {
    const save = args.at(-1) as unknown as Save;
    const [scores, shift] = args as [tf.Tensor2D, tf.Tensor1D];
    const { sum, ...slopes } = softmaxWithSlopes(scores, lists, bias && shift);
    save(bias ? [slopes.byLogits, slopes.byBias] : [slopes.byLogits]);
    return { value: sum, gradFunc: (dy, saved) => saved.map((slope) => tf.mul(slope, dy as tf.Tensor)) };
  });
  return (bias ? loss(logits, bias) : loss(logits)) as tf.Scalar;
}

/** The sum that {@link sparseSoftmaxCrossEntropy} is, and its gradients; of no bias it is empty. */
export function softmaxWithSlopes(logits: tf.Tensor2D, lists: SoftmaxLists, bias?: tf.Tensor1D) {
  const inputs = { logits, bias: bias ?? tf.tensor1d([]), ...lists };
  const [sum, byLogits, byBias] = tf.engine().runKernel<tf.Tensor[]>('SparseSoftmaxCrossEntropy', inputs);
  return { sum: sum as tf.Scalar, byLogits: byLogits as tf.Tensor2D, byBias: byBias as tf.Tensor1D };
}

interface Moments {
  readonly mean: tf.Variable;
  readonly variance: tf.Variable;
}

/** One AdamW step on `value`, in place, with its two moments; see kernels/adam-w.ts. */
export function adamW(
  value: tf.Variable,
  gradient: tf.Tensor,
  moments: Moments,
  attributes: AdamWAttributes,
): void {
  tf.engine().runKernel('AdamW', { value, gradient, ...moments }, { ...attributes });
}

/** Of a table that is trained by rows; `last` [rows] is the step after which each row is what it is. */
export interface RowMoments extends Moments {
  readonly last: tf.Variable;
}

/** The same for some rows of a table, which are at the step before; rows ascend, and the gradient holds theirs alone. */
export function adamWRows(
  value: tf.Variable,
  rows: tf.Tensor1D,
  gradient: tf.Tensor,
  moments: RowMoments,
  attributes: AdamWAttributes,
): void {
  tf.engine().runKernel('AdamWRows', { value, gradient, ...moments, rows }, { ...attributes });
}

/**
 * Brings rows, in place, to where AdamW's steps without a gradient would have brought them, and notes that they are what they are
 * after `step`. See training/missed-steps.ts for the factors, [rows, 4].
 */
export function settleRows(
  value: tf.Variable,
  rows: tf.Tensor1D,
  factors: tf.Tensor2D,
  moments: RowMoments,
  attributes: { readonly step: number; readonly epsilon: number },
): void {
  tf.engine().runKernel('SettleRows', { value, ...moments, rows, factors }, { ...attributes });
}

const gradients: readonly tf.GradConfig[] = [
  {
    kernelName: 'EmbeddingBag',
    inputsToSave: ['table', 'weights', 'indices', 'bags'],
    gradFunc: (dy, saved) => {
      const [table, weights, indices, bags] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      const inputs = { table, weights, indices, bags, dy: dy as tf.Tensor };
      const run = (kernel: string) => tf.engine().runKernel<tf.Tensor>(kernel, inputs);
      // tfjs asks for those alone that lead to a parameter.
      return {
        table: () => run('EmbeddingBagGradTable'),
        weights: () => run('EmbeddingBagGradWeights'),
      };
    },
  },
];

/** Registers the gradients of these operations, once. */
export function registerOpGradients(): void {
  for (const gradient of gradients) {
    if (!tf.getGradient(gradient.kernelName)) tf.registerGradient(gradient);
  }
}
