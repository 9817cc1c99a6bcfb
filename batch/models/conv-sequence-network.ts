import * as tf from '@tensorflow/tfjs-core';
import { besideEarlier, causalConvolution } from '../training/causal-convolution.ts';
import { rmsNorm, silu } from '../training/layers.ts';
import type { Random } from '../training/random.ts';
import {
  type Catalogue,
  drawn,
  drawnTable,
  historyTable,
  noDropout,
  type SequenceNetwork,
  tableNames,
} from './sequence-network.ts';

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
export const neighbours = 3;

export interface Shape {
  readonly dimensions: number;
  readonly channels: number;
  readonly blocks: number;
  readonly maxHistory: number;
}

export function initialParameters(
  shape: Shape,
  { rows, kinds }: Catalogue,
  draw: Random,
): Record<string, tf.Tensor> {
  const { dimensions, channels, blocks, maxHistory } = shape;
  const initial: Record<string, tf.Tensor> = {
    [tableNames.items]: drawnTable(rows, dimensions, initialDeviation, draw),
    [tableNames.bias]: tf.zeros([rows, 1]),
    [parameterNames.query]: tf.ones([dimensions]),
    ...(kinds ? { [parameterNames.kind]: tf.zeros([1, dimensions]) } : {}),
  };
  for (let block = 0; block < blocks; block++) {
    const names = parameterNames.block(block);
    const width = neighbours * dimensions;
    initial[names.input] = tf.ones([dimensions]);
    initial[names.gate] = drawn(width, channels, 1 / Math.sqrt(width), draw);
    initial[names.value] = drawn(width, channels, 1 / Math.sqrt(width), draw);
    initial[names.filters] = tf.tensor2d(initialFilters(maxHistory, channels), [maxHistory, channels]);
    initial[names.output] = tf.ones([channels]);
    initial[names.mix] = drawn(channels, dimensions, 1 / Math.sqrt(channels * blocks), draw);
  }
  return initial;
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

export const queriesAt: SequenceNetwork['queriesAt'] = (
  parameters,
  { items, weights, length },
  places,
  drop = noDropout,
) => {
  const parameter = (name: string): tf.Tensor2D => parameters[name]! as tf.Tensor2D;
  const table = historyTable(parameters);
  let h = tf.mul(tf.gather(table, items), Math.sqrt(table.shape[1])) as tf.Tensor2D;
  const kind = parameters[parameterNames.kind];
  if (kind) h = tf.add(h, tf.mul(tf.reshape(tf.sub(weights, 1), [-1, 1]), kind));
  h = drop.input(h);
  const count = items.shape[0] / length;
  for (let block = 0; parameters[parameterNames.block(block).mix]; block++) {
    const names = parameterNames.block(block);
    const m = besideEarlier(rmsNorm(h, parameter(names.input)), count, neighbours);
    const values = silu(tf.matMul(m, parameter(names.value)));
    const gates = silu(tf.matMul(m, parameter(names.gate)));
    const y = causalConvolution(values, parameter(names.filters), length);
    const gated = drop.within(tf.mul(rmsNorm(y, parameter(names.output)), gates));
    h = tf.add(h, tf.matMul(gated, parameter(names.mix)));
  }
  return rmsNorm(tf.gather(h, places), parameter(parameterNames.query));
};
