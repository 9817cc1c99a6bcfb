import type { Value } from './graph.ts';
import {
  Add,
  Concat,
  Div,
  MatMul,
  Max,
  Mul,
  Pad,
  ReduceL2,
  ReduceSum,
  Sigmoid,
  Slice,
  Softmax,
  Unsqueeze,
  Where,
} from './operators.ts';

/** Layers that are several operators: what encoders are built of. */

/** x · w (+ b): x [… , inputs], w [inputs, outputs], b [outputs]. */
export const Linear = (x: Value, w: Value, b?: Value): Value =>
  b === undefined ? MatMul(x, w) : Add(MatMul(x, w), b);

/** x · sigmoid(x), also called swish (Elfwing et al. 2018). */
export const Silu = (x: Value): Value => Mul(x, Sigmoid(x));

/** x / max(‖x‖₂, epsilon) along `axis`. */
export const L2Normalization = (x: Value, axis = -1, epsilon = 1e-12): Value =>
  Div(x, Max(ReduceL2(x, [axis], { keepDimensions: true }), epsilon));

/** Softmax along `axis` over the places where bool `mask` holds; 0 elsewhere. A row with no such place is uniform. */
export const MaskedSoftmax = (x: Value, mask: Value, axis = -1): Value => Softmax(Where(mask, x, -1e9), axis);

/** Σ over L of weights · rows: rows [1, L, d], weights [1, L] → [1, d]. */
export const WeightedSum = (rows: Value, weights: Value): Value =>
  ReduceSum(Mul(rows, Unsqueeze(weights, [-1])), [1]);

/** Attention pooling: softmax of scores [1, L] over L, then the weighted sum of rows [1, L, d] → [1, d]. */
export const AttentionPooling = (rows: Value, scores: Value): Value => WeightedSum(rows, Softmax(scores, 1));

/**
 * (x_t, x_t−d, …, x_t−(taps − 1)d) side by side, [1, L, taps · width] of x [1, L, width], zeros before the first: times a kernel it is a
 * causal convolution with dilation d.
 */
export function BesideEarlier(x: Value, taps: number, dilation = 1): Value {
  const later = (back: number): Value => Slice(Pad(x, [0, back, 0, 0, 0, 0]), 1, 0, -back);
  return Concat([x, ...Array.from({ length: taps - 1 }, (_, i) => later((i + 1) * dilation))], 2);
}
