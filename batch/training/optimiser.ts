import * as tf from '@tensorflow/tfjs-core';
import { adamW } from '../backend/ops.ts';

/** Trained tensors by name. The names are those of the checkpoint. */
export type Parameters = Readonly<Record<string, tf.Variable>>;

export interface AdamWOptions {
  /** The same for every step, or one for each; steps count from 1. */
  readonly learningRate: number | ((step: number) => number);
  /** Steps over which the rate rises linearly from 0. */
  readonly warmUpSteps?: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Decoupled: the share of the learning rate that pulls every touched row to zero. */
  readonly weightDecay?: number;
  /** Gradients that are longer, all taken as one vector, are shortened to this length. */
  readonly clipNorm?: number;
}

/** A rate that falls as half a cosine from `rate` to `finalShare` of it over `steps`, and stays there (Loshchilov & Hutter 2017). */
export const cosineDecay =
  (rate: number, finalShare: number, steps: number) =>
  (step: number): number => {
    const left = 0.5 * (1 + Math.cos((Math.PI * Math.min(step, steps)) / steps));
    return rate * (finalShare + (1 - finalShare) * left);
  };

/** An optimiser holds its state as parameters do, so that a checkpoint keeps both alike. */
export interface Optimiser extends Disposable {
  readonly state: Parameters;
  /** Applies one step; `step` counts from 1. */
  update(gradients: tf.NamedTensorMap, step: number): void;
}

/** AdamW (Loshchilov & Hutter 2019), lazy over rows: see backend/kernels/adam-w.ts. */
export function createAdamW(parameters: Parameters, options: AdamWOptions): Optimiser {
  const {
    learningRate,
    warmUpSteps = 0,
    beta1 = 0.9,
    beta2 = 0.99,
    epsilon = 1e-8,
    weightDecay = 0,
    clipNorm = Number.POSITIVE_INFINITY,
  } = options;
  const zeros = (value: tf.Variable): tf.Variable => tf.tidy(() => tf.variable(tf.zerosLike(value), false));
  const names = Object.keys(parameters);
  const means = Object.fromEntries(names.map((name) => [name, zeros(parameters[name]!)]));
  const variances = Object.fromEntries(names.map((name) => [name, zeros(parameters[name]!)]));
  const state = Object.fromEntries(
    names.flatMap((name) => [
      [`adamW.mean.${name}`, means[name]!],
      [`adamW.variance.${name}`, variances[name]!],
    ]),
  );
  return {
    state,
    update(gradients, step) {
      const planned = typeof learningRate === 'number' ? learningRate : learningRate(step);
      const rate = planned * Math.min(1, step / (warmUpSteps + 1));
      const clipped = clip(gradients, clipNorm);
      for (const name of names) {
        const gradient = clipped[name];
        if (gradient === undefined) continue;
        const moments = { mean: means[name]!, variance: variances[name]! };
        adamW(parameters[name]!, gradient, moments, {
          step,
          learningRate: rate,
          beta1,
          beta2,
          epsilon,
          weightDecay,
        });
      }
    },
    [Symbol.dispose]: () => tf.dispose(state),
  };
}

/** The gradients, together no longer than `limit`. To be called inside a tidy. */
function clip(gradients: tf.NamedTensorMap, limit: number): tf.NamedTensorMap {
  if (!Number.isFinite(limit)) return gradients;
  const squares = Object.values(gradients).map((gradient) => tf.sum(tf.square(gradient)));
  const length = Math.sqrt(tf.addN(squares).dataSync()[0]!);
  if (!(length > limit)) return gradients;
  return Object.fromEntries(
    Object.entries(gradients).map(([name, gradient]) => [name, tf.mul(gradient, limit / length)]),
  );
}
