import * as tf from '@tensorflow/tfjs-core';
import { besideEarlier } from '../training/causal-convolution.ts';
import { layerNorm } from '../training/layers.ts';
import type { Random } from '../training/random.ts';
import {
  type Catalogue,
  type Dropout,
  drawn,
  drawnTable,
  type Events,
  historyTable,
  noDropout,
  tableNames,
  type Weights,
} from './sequence-network.ts';

/**
 * The stack of dilated causal convolutions of Yuan et al. (2019), NextItNet, with their residual block (b); ∗_d is a causal
 * convolution of three taps with dilation d, over all D dimensions:
 *
 *     h = E[item]
 *     in each block    h ← h + relu(LN(relu(LN(h ∗_d W_1 + b_1)) ∗_2d W_2 + b_2))
 *     score            h of the newest event · E'[item] + b[item]
 */
export const parameterNames = {
  layer: (block: number, layer: number) => {
    const name = `block${block}.convolution${layer}`;
    return { kernel: name, bias: `${name}.bias`, scale: `${name}.scale`, shift: `${name}.shift` };
  },
} as const;

export const taps = 3;

export interface Shape {
  readonly dimensions: number;
  readonly dilations: readonly number[];
  readonly maxHistory: number;
}

/** The convolutions of a block: how far apart each one's taps are. */
export const dilationsOf = (dilation: number): readonly [number, number] => [dilation, 2 * dilation];

export function initialParameters(
  { dimensions, dilations }: Shape,
  { rows }: Catalogue,
  draw: Random,
): Record<string, tf.Tensor> {
  const width = taps * dimensions;
  const initial: Record<string, tf.Tensor> = {
    [tableNames.items]: drawnTable(rows, dimensions, 0.02, draw),
    [tableNames.bias]: tf.zeros([rows, 1]),
    [tableNames.history]: drawnTable(rows, dimensions, 0.02, draw),
  };
  for (const [block, dilation] of dilations.entries()) {
    for (const layer of dilationsOf(dilation).keys()) {
      const names = parameterNames.layer(block, layer);
      initial[names.kernel] = drawn(width, dimensions, Math.sqrt(2 / width), draw);
      initial[names.bias] = tf.zeros([dimensions]);
      initial[names.scale] = tf.ones([dimensions]);
      initial[names.shift] = tf.zeros([dimensions]);
    }
  }
  return initial;
}

export function queriesAt(
  { dilations }: Shape,
  parameters: Weights,
  { items, length }: Events,
  places: tf.Tensor1D,
  drop: Dropout = noDropout,
): tf.Tensor2D {
  const count = items.shape[0] / length;
  let h: tf.Tensor2D = drop.input(tf.gather(historyTable(parameters), items));
  for (const [block, dilation] of dilations.entries()) {
    let x = h;
    for (const [layer, apart] of dilationsOf(dilation).entries()) {
      const names = parameterNames.layer(block, layer);
      const beside = besideEarlier(x, count, taps, apart);
      const y = tf.add(tf.matMul(beside, parameters[names.kernel] as tf.Tensor2D), parameters[names.bias]!);
      x = tf.relu(layerNorm(y as tf.Tensor2D, parameters[names.scale]!, parameters[names.shift]!));
    }
    h = tf.add(h, drop.within(x));
  }
  return tf.gather(h, places);
}
