import * as tf from '@tensorflow/tfjs-core';
import type { Dataset } from '../data/dataset.ts';
import type { Parameters } from '../training/optimiser.ts';
import { normal, type Random, seededRandom } from '../training/random.ts';
import { unitSpectralVectors } from '../training/svd.ts';
import type { MultVaeOptions } from './mult-vae.ts';
import { layersOf } from './mult-vae-network.ts';
import type { Problem } from './mult-vae-problem.ts';

/** Root mean square lengths of the spectral vectors as rows of the two tables: of a few tried, the best. */
const historyLength = 0.35;
const itemLength = 0.25;
/** Beside the shortcut the deep layers begin small, and the code nearly without noise. */
const deepShare = 0.1;
const initialLogVariance = -2;

/** Untrained parameters; those of the residual form rank as the truncated SVD does. See mult-vae-network.ts. */
export function initialise({ train, options, seed, frequency }: Problem): Parameters {
  const random = normal(seededRandom(seed));
  return tf.tidy(() => {
    const initial: Record<string, tf.Tensor> = {
      ...(options.architecture === 'residual'
        ? residual(train, options, seed, random)
        : published(train.itemIds.length, options, random)),
      'history.bias': tf.zeros([options.hidden]),
      // About the log of how popular an item is.
      'items.bias': tf.tensor1d(frequency.map((share) => Math.log(share + 1e-3))),
    };
    return Object.fromEntries(Object.entries(initial).map(([name, value]) => [name, tf.variable(value)]));
  });
}

function residual(
  train: Dataset,
  { hidden, blocks, dimensions }: MultVaeOptions,
  seed: number,
  random: Random,
): Record<string, tf.Tensor> {
  const rows = train.itemIds.length;
  const rank = Math.min(hidden, dimensions);
  const vectors = unitSpectralVectors(train, rank, seed);
  const table = (width: number, length: number): tf.Tensor => {
    const spectral = tf.mul(tf.tensor2d(vectors, [rows, rank]), length);
    const others = tf.slice(drawn(rows, width, random), [0, rank], [rows, width - rank]);
    return tf.concat([spectral, others], 1);
  };
  const layers = layersOf(blocks).flatMap((layer): [string, tf.Tensor][] => [
    [`${layer}.scale`, tf.ones([hidden])],
    [`${layer}.shift`, tf.zeros([hidden])],
    ...(layer === 'input'
      ? []
      : ([
          [`${layer}.kernel`, drawn(hidden, hidden, random)],
          [`${layer}.bias`, tf.zeros([hidden])],
        ] satisfies [string, tf.Tensor][])),
  ]);
  return {
    history: table(hidden, historyLength),
    items: table(dimensions, itemLength),
    ...Object.fromEntries(layers),
    'code.kernel': tf.mul(drawn(hidden, 2 * dimensions, random), deepShare),
    'code.bias': tf.concat([tf.zeros([dimensions]), tf.fill([dimensions], initialLogVariance)]),
    'code.shortcut': tf.eye(hidden, dimensions),
  };
}

function published(
  rows: number,
  { hidden, dimensions }: MultVaeOptions,
  random: Random,
): Record<string, tf.Tensor> {
  return {
    history: drawn(rows, hidden, random),
    'code.kernel': drawn(hidden, 2 * dimensions, random),
    'code.bias': tf.zeros([2 * dimensions]),
    'decoder.kernel': drawn(dimensions, hidden, random),
    'decoder.bias': tf.zeros([hidden]),
    items: drawn(rows, hidden, random),
  };
}

/** Normal numbers of the variance of Glorot & Bengio (2010). */
function drawn(inputs: number, outputs: number, random: Random): tf.Tensor2D {
  const deviation = Math.sqrt(2 / (inputs + outputs));
  const values = Float32Array.from({ length: inputs * outputs }, () => deviation * random());
  return tf.tensor2d(values, [inputs, outputs]);
}
