import * as tf from '@tensorflow/tfjs-core';
import { fused } from '../backend/fused.ts';

/** Keeps a row of zeros finite. */
export const normEpsilon = 1e-5;

/**
 * x / √(mean(x²) + ε) · scale, row by row (Zhang & Sennrich 2019), with its gradient in closed form: tfjs's own, composed
 * of the single operations, passes over x three times as often.
 * @param x [rows, width]
 * @param scale [width]
 */
export function rmsNorm(x: tf.Tensor2D, scale: tf.Tensor): tf.Tensor2D {
  const whole = fused('RmsNorm', [x, scale]);
  if (whole) return whole as tf.Tensor2D;
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
  const whole = fused('LayerNorm', [x, scale, shift]);
  if (whole) return whole as tf.Tensor2D;
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.div(centred, tf.sqrt(tf.add(variance, normEpsilon))), scale), shift);
}

/** z · sigmoid(z) (Elfwing et al. 2018) of z = x + bias. */
export function silu(x: tf.Tensor2D, bias?: tf.Tensor): tf.Tensor2D {
  const whole = fused('Silu', [x, bias ?? tf.tensor1d([])]);
  if (whole) return whole as tf.Tensor2D;
  const z = bias ? (tf.add(x, bias) as tf.Tensor2D) : x;
  return tf.mul(z, tf.sigmoid(z));
}

/**
 * Zeroes each value with chance `rate`, to 1/256, and enlarges the others to the same mean (Srivastava et al. 2014).
 * @param seed 32 bits, which decide what is zeroed: byte i mod 4 of the hash of ⌊i / 4⌋ and them
 */
export function dropout(x: tf.Tensor2D, rate: number, seed: number): tf.Tensor2D {
  const threshold = Math.round(256 * rate);
  return (fused('Dropout', [x], { numbers: [threshold, seed | 0] }) ??
    tf.mul(x, dropoutMask(x.shape, threshold, seed))) as tf.Tensor2D;
}

function dropoutMask(shape: [number, number], threshold: number, seed: number): tf.Tensor2D {
  const kept = 256 / (256 - threshold);
  const mask = new Float32Array(shape[0] * shape[1]);
  for (let i = 0; i < mask.length; i += 4) {
    const bits = hash(seed + Math.imul(i >> 2, 0x9e3779b9));
    for (let byte = 0; byte < 4 && i + byte < mask.length; byte++)
      mask[i + byte] = ((bits >>> (8 * byte)) & 255) < threshold ? 0 : kept;
  }
  return tf.tensor2d(mask, shape);
}

/** 32 bits well mixed: the finaliser of MurmurHash3. */
function hash(bits: number): number {
  let h = bits | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
