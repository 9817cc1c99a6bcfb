import * as tf from '@tensorflow/tfjs-core';
import { besideEarlier } from '../training/causal-convolution.ts';
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
 * The convolutional sequence embedding of Tang & Wang (2018), Caser: X [L, D] are the vectors of the last L events, zeros where there
 * were fewer.
 *
 *     horizontal   o_h = max over i of relu(X[i … i + h − 1] · F_h + b_h), of each height h from 1 to L     [H]
 *     vertical     õ = Vᵀ · X, rows side by side                                                            [K · D]
 *     query        relu((o_1, …, o_L, õ) · W + w)                                                            [D]
 *     score        query · E'[item] + b[item]
 *
 * Theirs is also given a vector of the user, which is left out: a user is a history here. E' is a table of its own, as theirs.
 */
export const parameterNames = {
  vertical: 'vertical',
  horizontal: (height: number) => ({ kernel: `horizontal${height}`, bias: `horizontal${height}.bias` }),
  output: { kernel: 'output', bias: 'output.bias' },
} as const;

export interface Shape {
  readonly dimensions: number;
  /** L */
  readonly maxHistory: number;
  readonly horizontal: number;
  readonly vertical: number;
}

export function initialParameters(
  { dimensions, maxHistory, horizontal, vertical }: Shape,
  { rows }: Catalogue,
  draw: Random,
): Record<string, tf.Tensor> {
  const features = maxHistory * horizontal + vertical * dimensions;
  const initial: Record<string, tf.Tensor> = {
    [tableNames.items]: drawnTable(rows, dimensions, 1 / dimensions, draw),
    [tableNames.bias]: tf.zeros([rows, 1]),
    [tableNames.history]: drawnTable(rows, dimensions, 1 / dimensions, draw),
    [parameterNames.vertical]: drawn(maxHistory, vertical, 1 / Math.sqrt(maxHistory), draw),
    [parameterNames.output.kernel]: drawn(features, dimensions, Math.sqrt(2 / features), draw),
    [parameterNames.output.bias]: tf.zeros([dimensions]),
  };
  for (let height = 1; height <= maxHistory; height++) {
    const names = parameterNames.horizontal(height);
    const width = height * dimensions;
    initial[names.kernel] = drawn(width, horizontal, Math.sqrt(2 / width), draw);
    initial[names.bias] = tf.zeros([horizontal]);
  }
  return initial;
}

export function queriesAt(
  shape: Shape,
  parameters: Weights,
  { items, length }: Events,
  places: tf.Tensor1D,
  drop: Dropout = noDropout,
): tf.Tensor2D {
  const vectors = drop.input(tf.gather(historyTable(parameters), items));
  const newestFirst = besideEarlier(vectors, items.shape[0] / length, shape.maxHistory);
  const lately = tf.gather(newestFirst, places);
  const features = tf.concat(
    [...horizontal(shape, parameters, lately), vertical(shape, parameters, lately)],
    1,
  );
  const { kernel, bias } = parameterNames.output;
  const query = tf.matMul(drop.within(features), parameters[kernel] as tf.Tensor2D);
  return tf.relu(tf.add(query, parameters[bias]!));
}

/** @param lately [places, L · D], the newest event first */
function horizontal(
  { dimensions, maxHistory }: Shape,
  parameters: Weights,
  lately: tf.Tensor2D,
): tf.Tensor2D[] {
  return Array.from({ length: maxHistory }, (_, at) => {
    const height = at + 1;
    const { kernel, bias } = parameterNames.horizontal(height);
    const width = height * dimensions;
    const found = Array.from({ length: maxHistory - at }, (_, first) => {
      const stretch = tf.slice(lately, [0, first * dimensions], [lately.shape[0], width]);
      return tf.matMul(stretch, parameters[kernel] as tf.Tensor2D);
    });
    // Adding and relu keep the order, so that the largest can be taken before them.
    const most = found.reduce((a, b) => tf.maximum(a, b));
    return tf.relu(tf.add(most, parameters[bias]!));
  });
}

/** As one product by a matrix that holds each weight D times, on a diagonal: [L · D, K · D]. */
function vertical(
  { dimensions, maxHistory, vertical: count }: Shape,
  parameters: Weights,
  lately: tf.Tensor2D,
): tf.Tensor2D {
  const weights = tf.reshape(parameters[parameterNames.vertical]!, [maxHistory, 1, count, 1]);
  const diagonal = tf.reshape(tf.eye(dimensions), [1, dimensions, 1, dimensions]);
  const spread = tf.reshape(tf.mul(weights, diagonal), [maxHistory * dimensions, count * dimensions]);
  return tf.matMul(lately, spread as tf.Tensor2D);
}
