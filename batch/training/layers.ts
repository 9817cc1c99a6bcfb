import * as tf from '@tensorflow/tfjs-core';
import type { Random } from './random.ts';

/** Keeps a row of zeros finite. */
export const normEpsilon = 1e-5;

/**
 * x / √(mean(x²) + ε) · scale, row by row (Zhang & Sennrich 2019), with its gradient in closed form: tfjs's own, composed
 * of the single operations, passes over x three times as often.
 * @param x [rows, width]
 * @param scale [width]
 */
export function rmsNorm(x: tf.Tensor2D, scale: tf.Tensor): tf.Tensor2D {
  const normalise = tf.customGrad((...inputs) => {
    const [values, gain] = inputs as [tf.Tensor2D, tf.Tensor, unknown];
    const save = inputs[2] as unknown as tf.GradSaveFunc;
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(values), 1, true), normEpsilon));
    const unit = tf.mul(values, inverse);
    save([unit, inverse, gain]);
    const gradFunc = (dy: tf.Tensor | tf.Tensor[], saved: tf.Tensor[]): tf.Tensor[] => {
      const [u, r, g] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
      const byUnit = tf.mul(dy as tf.Tensor, g);
      const along = tf.mean(tf.mul(byUnit, u), 1, true);
      return [tf.mul(tf.sub(byUnit, tf.mul(u, along)), r), tf.sum(tf.mul(dy as tf.Tensor, u), 0)];
    };
    return { value: tf.mul(unit, gain), gradFunc };
  });
  return normalise(x, scale) as tf.Tensor2D;
}

/** (x − mean) / √(variance + ε) · scale + shift, row by row (Ba et al. 2016). */
export function layerNorm(x: tf.Tensor2D, scale: tf.Tensor, shift: tf.Tensor): tf.Tensor2D {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.div(centred, tf.sqrt(tf.add(variance, normEpsilon))), scale), shift);
}

/** x · sigmoid(x) (Elfwing et al. 2018). */
export const silu = (x: tf.Tensor2D): tf.Tensor2D => tf.mul(x, tf.sigmoid(x));

/** What dropout multiplies by: 0 with chance `rate`, to 1/256, and else what keeps the mean; four from one drawn number. */
export function dropoutMask(rows: number, width: number, rate: number, random: Random): tf.Tensor2D {
  const threshold = Math.round(256 * rate);
  const kept = 256 / (256 - threshold);
  const draws = Uint32Array.from({ length: Math.ceil((rows * width) / 4) }, () => random() * 2 ** 32);
  const bytes = new Uint8Array(draws.buffer, 0, rows * width);
  const mask = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! >= threshold) mask[i] = kept;
  return tf.tensor2d(mask, [rows, width]);
}
