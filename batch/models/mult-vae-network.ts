import * as tf from '@tensorflow/tfjs-core';
import { embeddingBag } from '../backend/ops.ts';
import { layerNorm, silu } from '../training/layers.ts';
import type { ItemBags } from './mult-vae-sets.ts';

/**
 * Encoder and decoder over a user's set of items x, scaled to length 1; N rows with 0 the padding, H hidden, D the code's width:
 *
 *     residual    h = LN(silu(x·E + b)),  h ← LN(h + silu(h·W + b)) a block
 *                 (μ, log σ²) = h·M + m + (x·E·S, 0),   query = z
 *     published   h = tanh(x·E + b),  (μ, log σ²) = h·M + m,   query = tanh(z·U + u)
 *     score       query · P_item + bias_item
 *
 * z is drawn from N(μ, σ²) in training and is μ otherwise. E [N, H] is the release's history table, P [N, D] (published: [N, H]) the
 * item table. S [H, D] is a linear way past all layers: what the deep ones learn is the correction of a linear autoencoder.
 */
export type Tensors = Readonly<Record<string, tf.Tensor>>;

/** Names of the residual encoder's layers, in their order. */
export const layersOf = (blocks: number): string[] => [
  'input',
  ...Array.from({ length: blocks }, (_, block) => `block-${block}`),
];

/** Those among the parameters; none of a published encoder. */
export const residualLayers = (parameters: Tensors): string[] =>
  parameters['input.scale'] === undefined
    ? []
    : layersOf(Object.keys(parameters).filter((name) => /^block-\d+\.kernel$/.test(name)).length);

const linear = (x: tf.Tensor2D, parameters: Tensors, layer: string): tf.Tensor2D =>
  tf.add(tf.matMul(x, parameters[`${layer}.kernel`] as tf.Tensor2D), parameters[`${layer}.bias`]!);

/** μ and log σ², [sets, D] each. */
export function encode(parameters: Tensors, sets: ItemBags): { mean: tf.Tensor2D; logVariance: tf.Tensor2D } {
  const pooled = poolSets(parameters['history'] as tf.Tensor2D, sets);
  const layers = residualLayers(parameters);
  const bias = parameters['history.bias']!;
  let h: tf.Tensor2D = layers.length > 0 ? silu(pooled, bias) : tf.tanh(tf.add(pooled, bias));
  for (const layer of layers) {
    if (layer !== 'input') {
      const product = tf.matMul(h, parameters[`${layer}.kernel`] as tf.Tensor2D) as tf.Tensor2D;
      h = tf.add(h, silu(product, parameters[`${layer}.bias`]!));
    }
    h = layerNorm(h, parameters[`${layer}.scale`]!, parameters[`${layer}.shift`]!);
  }
  const [deep, logVariance] = tf.split(linear(h, parameters, 'code'), 2, 1) as [tf.Tensor2D, tf.Tensor2D];
  const shortcut = parameters['code.shortcut'] as tf.Tensor2D | undefined;
  return { mean: shortcut ? tf.add(deep, tf.matMul(pooled, shortcut)) : deep, logVariance };
}

/** Σ over a set of value · table[item], [sets, H]. */
function poolSets(table: tf.Tensor2D, { count, items, bags, values }: ItemBags): tf.Tensor2D {
  const pooled = embeddingBag(
    table,
    tf.tensor2d(values, [values.length, 1]),
    tf.tensor1d(items, 'int32'),
    tf.tensor1d(bags, 'int32'),
    count,
  );
  return tf.reshape(pooled, [count, table.shape[1]]);
}

/** What a code is multiplied by the item table as, [sets, D or H]. */
export const decode = (parameters: Tensors, code: tf.Tensor2D): tf.Tensor2D =>
  parameters['decoder.kernel'] === undefined ? code : tf.tanh(linear(code, parameters, 'decoder'));
