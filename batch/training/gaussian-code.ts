import * as tf from '@tensorflow/tfjs-core';
import { fused } from '../backend/fused.ts';

/** mean + exp(logVariance / 2) · noise (Kingma & Welling 2014), [rows, width] each; differentiable by the first two. */
export function reparametrise(mean: tf.Tensor2D, logVariance: tf.Tensor2D, noise: tf.Tensor2D): tf.Tensor2D {
  const whole = fused('Reparametrise', [mean, logVariance], { constants: [noise] });
  return (whole ?? tf.add(mean, tf.mul(noise, tf.exp(tf.mul(logVariance, 0.5))))) as tf.Tensor2D;
}

/**
 * Σ over rows of factor · 2 KL(N(mean, exp(logVariance)) ‖ N(0, 1)); differentiable by mean and logVariance.
 * @param factors [rows]
 */
export function weightedDivergence(
  mean: tf.Tensor2D,
  logVariance: tf.Tensor2D,
  factors: tf.Tensor1D,
): tf.Scalar {
  const whole = fused('Divergence', [mean, logVariance], { constants: [factors] });
  if (whole) return whole as tf.Scalar;
  const terms = tf.sub(tf.add(tf.square(mean), tf.exp(logVariance)), tf.add(logVariance, 1));
  return tf.sum(tf.mul(tf.sum(terms, 1), factors));
}
