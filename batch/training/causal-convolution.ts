import * as tf from '@tensorflow/tfjs-core';
import { fused } from '../backend/fused.ts';

/**
 * y[t, b, c] = Σ over s ≤ t of filters[t − s, c] · x[s, b, c]: each channel has a filter of its own, as long as the sequence.
 * As one product of a Toeplitz matrix a channel, [L, L] × [L, B], it is linear algebra that every backend has fast, with
 * gradients; a convolution of that many taps and groups is neither.
 * @param x [length · batch, channels], time-major
 * @param filters [at least length, channels]; taps beyond the length are not reached
 */
export function causalConvolution(x: tf.Tensor2D, filters: tf.Tensor2D, length: number): tf.Tensor2D {
  const whole = fused('CausalConvolution', [x, filters], { numbers: [length] });
  if (whole) return whole as tf.Tensor2D;
  const [rows, channels] = x.shape;
  const reached = filters.shape[0] === length ? filters : tf.slice(filters, [0, 0], [length, channels]);
  const bySequence = tf.reshape(tf.transpose(x), [channels, length, rows / length]);
  const y = tf.matMul(toeplitz(tf.transpose(reached)), bySequence);
  return tf.transpose(tf.reshape(y, [channels, rows])) as tf.Tensor2D;
}

/**
 * [channels, L] → lower triangular [channels, L, L] with filters[c, t − s] at (t, s). Rows of 2L − 1 cut from a repetition of 2L
 * values begin one place earlier each: the values lie on diagonals without any index. The gradient is the same cut backwards.
 */
const toeplitz = (filters: tf.Tensor): tf.Tensor3D =>
  (fused('Toeplitz', [filters]) ?? composedToeplitz(filters)) as tf.Tensor3D;

const composedToeplitz = tf.customGrad((...inputs) => {
  const filters = inputs[0] as tf.Tensor2D;
  const [channels, length] = filters.shape;
  const period = 2 * length;
  const used = length * (period - 1);
  const value = tf.tidy(() => {
    const first = tf.slice(filters, [0, 0], [channels, 1]);
    const later = tf.reverse(tf.slice(filters, [0, 1], [channels, length - 1]), 1);
    const cycle = tf.concat([first, tf.zeros([channels, length]), later], 1);
    const repeated = tf.reshape(tf.tile(cycle, [1, length]), [channels, length * period]);
    const rows = tf.reshape(tf.slice(repeated, [0, 0], [channels, used]), [channels, length, period - 1]);
    return tf.slice(rows, [0, 0, 0], [channels, length, length]);
  });
  const gradFunc = (dy: tf.Tensor | tf.Tensor[]): tf.Tensor =>
    tf.tidy(() => {
      const rows = tf.pad(dy as tf.Tensor, [
        [0, 0],
        [0, 0],
        [0, length - 1],
      ]);
      const flat = tf.pad(tf.reshape(rows, [channels, used]), [
        [0, 0],
        [0, length],
      ]);
      const cycle = tf.sum(tf.reshape(flat, [channels, length, period]), 1) as tf.Tensor2D;
      const first = tf.slice(cycle, [0, 0], [channels, 1]);
      const later = tf.slice(cycle, [0, length + 1], [channels, length - 1]);
      return tf.concat([first, tf.reverse(later, 1)], 1);
    });
  return { value, gradFunc };
}) as (filters: tf.Tensor) => tf.Tensor3D;

/**
 * (x_t, x_t−d, …, x_t−(taps − 1)d) side by side for each event, zeros before the first: what a causal convolution of few taps and
 * dilation d multiplies by its kernel. tfjs has no gradient of a dilated one.
 * @param x [length · batch, width], time-major
 * @param batch rows of one moment
 */
export function besideEarlier(x: tf.Tensor2D, batch: number, taps: number, dilation = 1): tf.Tensor2D {
  const whole = fused('Beside', [x], { numbers: [batch * dilation, taps] });
  if (whole) return whole as tf.Tensor2D;
  const [rows, width] = x.shape;
  const parts: tf.Tensor2D[] = [x];
  for (let back = 1; back < taps; back++) {
    const gap = Math.min(rows, back * dilation * batch);
    const earlier = tf.slice(x, [0, 0], [rows - gap, width]);
    parts.push(
      tf.pad(earlier, [
        [gap, 0],
        [0, 0],
      ]),
    );
  }
  return tf.concat(parts, 1);
}
