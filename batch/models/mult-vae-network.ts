import * as tf from '@tensorflow/tfjs-core';
import { embeddingBag } from '../backend/ops.ts';
import {
  Add,
  Div,
  graph,
  LayerNormalization,
  Linear,
  Max,
  ReduceSumSquare,
  Silu,
  Slice,
  Sqrt,
  Tanh,
  type Value,
  WeightedSum,
} from '../export/onnx/index.ts';
import type { Parameters } from '../training/optimiser.ts';
import { normal, seededRandom } from '../training/random.ts';
import type { ItemSet, Problem } from './mult-vae-problem.ts';

type Tensors = Readonly<Record<string, tf.Tensor>>;

/**
 * Encoder and decoder over a user's set of items x, scaled to length 1; N rows with 0 the padding, H hidden, D the code's width:
 *
 *     residual    h = LN(silu(x·E + b)),  h ← LN(h + silu(h·W + b)) a block,  (μ, log σ²) = h·M + m,  query = z
 *     published   h = tanh(x·E + b),                                         (μ, log σ²) = h·M + m,  query = tanh(z·U + u)
 *     score       query · P_item + bias_item
 *
 * z is drawn from N(μ, σ²) in training and is μ otherwise. E [N, H] is the release's history table, P [N, D] ([N, H]) the item table.
 */
export function initialise({ train, options, seed, frequency }: Problem): Parameters {
  const { architecture, hidden, blocks, dimensions } = options;
  const rows = train.itemIds.length;
  const random = normal(seededRandom(seed));
  const drawn = (inputs: number, outputs: number, deviation = Math.sqrt(2 / (inputs + outputs))): tf.Tensor =>
    tf.tensor2d(
      Float32Array.from({ length: inputs * outputs }, () => deviation * random()),
      [inputs, outputs],
    );
  const published = architecture === 'published';
  const width = published ? hidden : dimensions;
  return tf.tidy(() => {
    const initial: Record<string, tf.Tensor> = {
      history: drawn(rows, hidden),
      'history.bias': tf.zeros([hidden]),
      'code.kernel': drawn(hidden, 2 * dimensions),
      'code.bias': tf.zeros([2 * dimensions]),
      items: drawn(rows, width),
      // Log-odds of a smoothed popularity, so that training starts from it.
      'items.bias': tf.tensor1d(frequency.map((share) => Math.log(share + 1e-3))),
    };
    for (const layer of published ? [] : layersOf(blocks)) {
      initial[`${layer}.scale`] = tf.ones([hidden]);
      initial[`${layer}.shift`] = tf.zeros([hidden]);
      if (layer === 'input') continue;
      initial[`${layer}.kernel`] = drawn(hidden, hidden);
      initial[`${layer}.bias`] = tf.zeros([hidden]);
    }
    if (published) {
      initial['decoder.kernel'] = drawn(dimensions, hidden);
      initial['decoder.bias'] = tf.zeros([hidden]);
    }
    return Object.fromEntries(Object.entries(initial).map(([name, value]) => [name, tf.variable(value)]));
  });
}

const layersOf = (blocks: number): string[] => [
  'input',
  ...Array.from({ length: blocks }, (_, block) => `block-${block}`),
];

/** Number of residual layers among the parameters. */
const blocksOf = (parameters: Tensors): number =>
  Object.keys(parameters).filter((name) => /^block-\d+\.kernel$/.test(name)).length;

const normEpsilon = 1e-5;

function layerNorm(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor): tf.Tensor {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.div(centred, tf.sqrt(tf.add(variance, normEpsilon))), scale), shift);
}

const silu = (x: tf.Tensor): tf.Tensor => tf.mul(x, tf.sigmoid(x));
const linear = (x: tf.Tensor, parameters: Tensors, layer: string): tf.Tensor =>
  tf.add(
    tf.matMul(x as tf.Tensor2D, parameters[`${layer}.kernel`] as tf.Tensor2D),
    parameters[`${layer}.bias`]!,
  );

/** μ and log σ², [sets, D] each. */
export function encode(
  parameters: Tensors,
  sets: readonly ItemSet[],
): { mean: tf.Tensor2D; logVariance: tf.Tensor2D } {
  const pooled = tf.add(poolSets(parameters['history'] as tf.Tensor2D, sets), parameters['history.bias']!);
  let h = parameters['input.scale'] === undefined ? tf.tanh(pooled) : silu(pooled);
  for (const layer of parameters['input.scale'] === undefined ? [] : layersOf(blocksOf(parameters))) {
    if (layer !== 'input') h = tf.add(h, silu(linear(h, parameters, layer)));
    h = layerNorm(h, parameters[`${layer}.scale`]!, parameters[`${layer}.shift`]!);
  }
  const [mean, logVariance] = tf.split(linear(h, parameters, 'code'), 2, 1) as [tf.Tensor2D, tf.Tensor2D];
  return { mean, logVariance };
}

/** Σ over a set of value · table[item], [sets, H]. */
function poolSets(table: tf.Tensor2D, sets: readonly ItemSet[]): tf.Tensor {
  const size = sets.reduce((sum, { items }) => sum + items.length, 0);
  const items = new Int32Array(size);
  const bags = new Int32Array(size);
  const values = new Float32Array(size);
  let start = 0;
  for (const [bag, set] of sets.entries()) {
    items.set(set.items, start);
    values.set(set.values, start);
    bags.fill(bag, start, start + set.items.length);
    start += set.items.length;
  }
  const pooled = embeddingBag(
    table,
    tf.tensor2d(values, [size, 1]),
    tf.tensor1d(items, 'int32'),
    tf.tensor1d(bags, 'int32'),
    sets.length,
  );
  return tf.reshape(pooled, [sets.length, -1]);
}

/** What a code is multiplied by the item table as, [sets, D or H]. */
export const decode = (parameters: Tensors, code: tf.Tensor2D): tf.Tensor2D =>
  parameters['decoder.kernel'] === undefined
    ? code
    : (tf.tanh(linear(code, parameters, 'decoder')) as tf.Tensor2D);

/** The whole way from a history to its query, as ONNX. */
export function encoderOnnx(parameters: Tensors): Uint8Array {
  const g = graph('mult-vae');
  const weights = (name: string): Value =>
    g.weights(name, parameters[name]!.dataSync() as Float32Array, parameters[name]!.shape);
  const layer = (x: Value, name: string): Value =>
    Linear(x, weights(`${name}.kernel`), weights(`${name}.bias`));
  const hidden = parameters['history.bias']!.size;
  const dimensions = parameters['code.bias']!.size / 2;
  const itemWeights = g.input('itemWeights', [1, 'L']);
  const sums = WeightedSum(g.input('rows', [1, 'L', hidden]), itemWeights);
  // A history in which nothing counts is pooled to 0, not to 0 / 0.
  const norm = Max(Sqrt(ReduceSumSquare(itemWeights, [1], { keepDimensions: true })), 1e-12);
  const pooled = Add(Div(sums, norm), weights('history.bias'));
  let h = parameters['input.scale'] === undefined ? Tanh(pooled) : Silu(pooled);
  for (const name of parameters['input.scale'] === undefined ? [] : layersOf(blocksOf(parameters))) {
    if (name !== 'input') h = Add(h, Silu(layer(h, name)));
    h = LayerNormalization(h, weights(`${name}.scale`), weights(`${name}.shift`), normEpsilon);
  }
  const mean = Slice(layer(h, 'code'), 1, 0, dimensions);
  const query = parameters['decoder.kernel'] === undefined ? mean : Tanh(layer(mean, 'decoder'));
  g.output('query', query, [1, parameters['items']!.shape[1]!]);
  return g.encode();
}
