import * as tf from '@tensorflow/tfjs-core';
import { adamW, adamWRows, type RowMoments, settleRows } from '../backend/ops.ts';
import { missedSteps } from './missed-steps.ts';

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
  /** Decoupled: the share of the learning rate that pulls every value to zero. */
  readonly weightDecay?: number;
  /** Gradients that are longer, all taken as one vector, are shortened to this length. */
  readonly clipNorm?: number;
  /** Tables that are given gradients by rows. */
  readonly byRows?: readonly string[];
}

/** Rows of tables by name, those of a table ascending. */
export type TableRows = Readonly<Record<string, Int32Array>>;

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
  /** Applies one step; `step` counts from 1. Gradients of tables in `rows` hold those rows alone, which must be settled. */
  update(gradients: tf.NamedTensorMap, step: number, rows?: TableRows): void;
  /** Makes rows, or all there are, what they are after this many steps, the latest taken. */
  settle(step: number, rows?: TableRows): void;
}

/**
 * AdamW (Loshchilov & Hutter 2019). A table in `byRows` costs what a step touches, not what it holds: rows without a gradient
 * wait, and what their missed steps would have done is done at once before they are read again.
 */
export function createAdamW(parameters: Parameters, options: AdamWOptions): Optimiser {
  const { warmUpSteps = 0, beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8, weightDecay = 0 } = options;
  const { learningRate, clipNorm = Number.POSITIVE_INFINITY, byRows = [] } = options;
  const rateOf = (step: number): number =>
    (typeof learningRate === 'number' ? learningRate : learningRate(step)) *
    Math.min(1, step / (warmUpSteps + 1));
  const state = createState(parameters, byRows);
  const momentsOf = (name: string): RowMoments => ({
    mean: state[`adamW.mean.${name}`]!,
    variance: state[`adamW.variance.${name}`]!,
    last: state[`adamW.step.${name}`]!,
  });
  const missed = missedSteps({ rateOf, beta1, beta2, weightDecay });
  return {
    state,
    update(gradients, step, rows = {}) {
      const attributes = { step, learningRate: rateOf(step), beta1, beta2, epsilon, weightDecay };
      for (const [name, gradient] of Object.entries(clip(gradients, clipNorm))) {
        const own = rows[name];
        const { last, ...moments } = momentsOf(name);
        if (!own) adamW(parameters[name]!, gradient, moments, attributes);
        else
          adamWRows(parameters[name]!, tf.tensor1d(own, 'int32'), gradient, { ...moments, last }, attributes);
      }
    },
    settle: (step, rows) =>
      tf.tidy(() => {
        for (const name of byRows) {
          const moments = momentsOf(name);
          const steps = moments.last.dataSync();
          const own = rows ? (rows[name] ?? new Int32Array(0)) : Int32Array.from(steps.keys());
          const factors = new Float32Array(4 * own.length);
          for (let i = 0; i < own.length; i++) missed.factors(steps[own[i]!]!, step, factors, 4 * i);
          const tensors = [tf.tensor1d(own, 'int32'), tf.tensor2d(factors, [own.length, 4])] as const;
          settleRows(parameters[name]!, ...tensors, moments, { step, epsilon });
        }
      }),
    [Symbol.dispose]: () => tf.dispose(state),
  };
}

function createState(parameters: Parameters, byRows: readonly string[]): Parameters {
  const zeros = (shape: number[]): tf.Variable => tf.tidy(() => tf.variable(tf.zeros(shape), false));
  return Object.fromEntries([
    ...Object.entries(parameters).flatMap(([name, { shape }]) => [
      [`adamW.mean.${name}`, zeros(shape)],
      [`adamW.variance.${name}`, zeros(shape)],
    ]),
    ...byRows.map((name) => [`adamW.step.${name}`, zeros([parameters[name]!.shape[0]!])]),
  ]);
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
