import * as tf from '@tensorflow/tfjs-core';
import { causalConvolution } from '../training/causal-convolution.ts';
import { rmsNorm, silu } from '../training/layers.ts';
import type { Parameters } from '../training/optimiser.ts';
import { normal, type Random } from '../training/random.ts';

/**
 * A gated long convolution over the history, D dimensions, C channels, L taps; h is [events, D]:
 *
 *     h = √D · E[item] (+ (weight − 1) · k)
 *     in each block   n = RMSNorm(h),  m_t = (n_t, n_t−1, n_t−2)                              [3D]
 *                     y_t = Σ_s≤t f[t − s] ∘ silu(m_s · W_v)                                   [C]
 *                     h ← h + (RMSNorm(y) ∘ silu(m · W_g)) · W_o
 *     query           RMSNorm(h of the newest event)
 *     score           query · E[item] + b[item]
 *
 * After the gated convolutions of Dauphin et al. 2017 and the long filters of Poli et al. 2023 (Hyena), here learned as they are.
 */
export const parameterNames = {
  items: 'items',
  bias: 'items.bias',
  kind: 'kind',
  query: 'query.scale',
  block: (block: number) => ({
    input: `block${block}.input.scale`,
    gate: `block${block}.gate`,
    value: `block${block}.value`,
    filters: `block${block}.filters`,
    output: `block${block}.output.scale`,
    mix: `block${block}.mix`,
  }),
} as const;

/** Events beside each other that a block reads at once. */
const neighbours = 3;

export interface Shape {
  /** Items, with the padding row. */
  readonly rows: number;
  readonly dimensions: number;
  readonly channels: number;
  readonly blocks: number;
  readonly maxHistory: number;
  /** Whether events weigh differently. */
  readonly kinds: boolean;
}

export function initialParameters(shape: Shape, random: Random): Parameters {
  const { rows, dimensions, channels, blocks, maxHistory, kinds } = shape;
  const draw = normal(random);
  const drawn = (height: number, width: number, deviation: number): tf.Tensor =>
    tf.tensor2d(
      Float32Array.from({ length: height * width }, () => deviation * draw()),
      [height, width],
    );
  return tf.tidy(() => {
    const table = Float32Array.from({ length: rows * dimensions }, () => initialDeviation * draw());
    const initial: Record<string, tf.Tensor> = {
      [parameterNames.items]: tf.tensor2d(table.fill(0, 0, dimensions), [rows, dimensions]),
      [parameterNames.bias]: tf.zeros([rows, 1]),
      [parameterNames.query]: tf.ones([dimensions]),
      ...(kinds ? { [parameterNames.kind]: tf.zeros([1, dimensions]) } : {}),
    };
    for (let block = 0; block < blocks; block++) {
      const names = parameterNames.block(block);
      const width = neighbours * dimensions;
      initial[names.input] = tf.ones([dimensions]);
      initial[names.gate] = drawn(width, channels, 1 / Math.sqrt(width));
      initial[names.value] = drawn(width, channels, 1 / Math.sqrt(width));
      initial[names.filters] = tf.tensor2d(initialFilters(maxHistory, channels), [maxHistory, channels]);
      initial[names.output] = tf.ones([channels]);
      initial[names.mix] = drawn(channels, dimensions, 1 / Math.sqrt(channels * blocks));
    }
    return Object.fromEntries(Object.entries(initial).map(([name, value]) => [name, tf.variable(value)]));
  });
}

const initialDeviation = 0.02;

/** Each channel forgets at a speed of its own: exp(−t/τ), τ from 1 to 2L in equal ratios, each of length 1. */
function initialFilters(taps: number, channels: number): Float32Array {
  const filters = new Float32Array(taps * channels);
  for (let channel = 0; channel < channels; channel++) {
    const span = (2 * taps) ** (channel / Math.max(1, channels - 1));
    let squares = 0;
    for (let tap = 0; tap < taps; tap++) squares += Math.exp(-tap / span) ** 2;
    for (let tap = 0; tap < taps; tap++)
      filters[tap * channels + channel] = Math.exp(-tap / span) / Math.sqrt(squares);
  }
  return filters;
}

/** Events of some histories, time-major: place t · count + w is event t of history w. Places past an end may hold anything. */
export interface Events {
  readonly length: number;
  readonly items: tf.Tensor1D;
  readonly weights: tf.Tensor1D;
}

export type Weights = Readonly<Record<string, tf.Tensor>>;

/**
 * Queries [places, D] of the histories that end at these places.
 * @param drop is given each block's [events, C] before they are mixed
 */
export function queriesAt(
  parameters: Weights,
  { items, weights, length }: Events,
  places: tf.Tensor1D,
  drop: (x: tf.Tensor2D) => tf.Tensor2D = (x) => x,
): tf.Tensor2D {
  const parameter = (name: string): tf.Tensor2D => parameters[name]! as tf.Tensor2D;
  const table = parameter(parameterNames.items);
  const gathered = tf.gather(table, items);
  let h = tf.mul(gathered, Math.sqrt(table.shape[1])) as tf.Tensor2D;
  const kind = parameters[parameterNames.kind];
  if (kind) h = tf.add(h, tf.mul(tf.reshape(tf.sub(weights, 1), [-1, 1]), kind));
  const count = items.shape[0] / length;
  for (let block = 0; parameters[parameterNames.block(block).mix]; block++) {
    const names = parameterNames.block(block);
    const m = besideEarlier(rmsNorm(h, parameter(names.input)), count);
    const values = silu(tf.matMul(m, parameter(names.value)));
    const gates = silu(tf.matMul(m, parameter(names.gate)));
    const y = causalConvolution(values, parameter(names.filters), length);
    const gated = drop(tf.mul(rmsNorm(y, parameter(names.output)), gates));
    h = tf.add(h, tf.matMul(gated, parameter(names.mix)));
  }
  return rmsNorm(tf.gather(h, places), parameter(parameterNames.query));
}

/** (x_t, x_t−1, x_t−2) for each event, zeros before the first; an event earlier is `count` rows up. */
function besideEarlier(x: tf.Tensor2D, count: number): tf.Tensor2D {
  const [rows, width] = x.shape;
  const parts: tf.Tensor2D[] = [x];
  for (let back = 1; back < neighbours; back++) {
    const gap = Math.min(rows, back * count);
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

/** The item table with its bias as one more column, against queries with one more 1: [rows, D + 1]. */
export const tableWithBias = (parameters: Weights): tf.Tensor2D =>
  tf.concat([parameters[parameterNames.items]!, parameters[parameterNames.bias]!], 1) as tf.Tensor2D;

export const withOne = (queries: tf.Tensor2D): tf.Tensor2D =>
  tf.pad(
    queries,
    [
      [0, 0],
      [0, 1],
    ],
    1,
  );
