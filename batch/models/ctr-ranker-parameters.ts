import * as tf from '@tensorflow/tfjs-core';
import type { Parameters } from '../training/optimiser.ts';
import { normal, seededRandom } from '../training/random.ts';
import { eventFeatures, historyFeatures } from './ctr-ranker-layout.ts';
import type { ItemFeatures } from './two-tower-features.ts';

/** Of the network of ctr-ranker-network.ts. */
export const parameterNames = {
  items: 'items',
  itemFeatures: 'items.features',
  expected: 'surprise.kernel',
  expectedBias: 'surprise.bias',
  summary: 'summary.kernel',
  summaryBias: 'summary.bias',
  affinity: 'affinity.kernel',
  query: 'attention.query',
  queryBias: 'attention.query.bias',
  key: 'attention.key',
  keyEvent: 'attention.key.event',
  value: 'attention.value',
  gate: 'attention.gate',
  context: (feature: number) => `context.${feature}`,
  crossIn: (layer: number) => `cross.${layer}.in`,
  crossOut: (layer: number) => `cross.${layer}.out`,
  crossBias: (layer: number) => `cross.${layer}.bias`,
  hidden: (layer: number) => `hidden.${layer}.kernel`,
  hiddenBias: (layer: number) => `hidden.${layer}.bias`,
  logit: 'logit.kernel',
  logitBias: 'logit.bias',
} as const;

/** Sizes of the network. */
export interface Shape {
  /** Width of an item's row. */
  readonly dimensions: number;
  readonly heads: number;
  readonly headWidth: number;
  readonly contextWidth: number;
  readonly crossLayers: number;
  readonly crossRank: number;
  readonly hidden: readonly number[];
}

export type Weights = Readonly<Record<string, tf.Tensor>>;

/** What comes besides rows into a value of the attention: liked, disliked, surprise. */
const eventSigns = 3;
const itemScale = 0.05;

/** Of x₀. */
export const inputWidth = (
  { dimensions, heads, headWidth, contextWidth }: Shape,
  contextFeatures: number,
): number => 3 * dimensions + 2 * heads * headWidth + contextWidth * contextFeatures + 2;

/** Untrained parameters: He's scale, small items, contexts of which nothing is known yet. */
export function initialParameters(
  shape: Shape,
  {
    rows,
    features,
    contextSizes,
    seed,
  }: {
    readonly rows: number;
    readonly features: ItemFeatures;
    /** Values of each context feature, the unknown one included. */
    readonly contextSizes: readonly number[];
    readonly seed: number;
  },
): Parameters {
  const names = parameterNames;
  const { dimensions: d, heads, headWidth, crossRank, contextWidth } = shape;
  const width = heads * headWidth;
  const input = inputWidth(shape, contextSizes.length);
  const draw = normal(seededRandom(seed));
  const random = (inputs: number, outputs: number, scale = Math.sqrt(1 / inputs)) =>
    tf.tensor2d(
      Float32Array.from({ length: inputs * outputs }, () => scale * draw()),
      [inputs, outputs],
    );
  return tf.tidy(() => {
    const table = random(rows, d, itemScale);
    const initial: Record<string, tf.Tensor> = {
      // The padding row stays zeros: nothing asks for its gradient.
      [names.items]: tf.mul(
        table,
        tf.tensor2d(
          Float32Array.from({ length: rows }, (_, row) => Number(row > 0)),
          [rows, 1],
        ),
      ),
      ...(features.count > 0 && { [names.itemFeatures]: random(features.count, d, itemScale) }),
      [names.expected]: random(d, 1),
      [names.expectedBias]: tf.zeros([1]),
      [names.summary]: random(3 * d + 1 + historyFeatures.length, 2 * d),
      [names.summaryBias]: tf.zeros([2 * d]),
      [names.affinity]: random(d, d),
      [names.query]: random(d, width),
      [names.queryBias]: random(1, width),
      [names.key]: random(d, width),
      [names.keyEvent]: random(eventFeatures.length, width),
      [names.value]: random(d + eventSigns, width),
      [names.gate]: random(d, width),
      [names.logit]: random(input + shape.hidden.at(-1)!, 1, 0.02),
      [names.logitBias]: tf.zeros([1]),
    };
    for (const [feature, size] of contextSizes.entries())
      initial[names.context(feature)] = tf.zeros([size, contextWidth]);
    for (let layer = 0; layer < shape.crossLayers; layer++) {
      initial[names.crossIn(layer)] = random(input, crossRank);
      initial[names.crossOut(layer)] = random(crossRank, input);
      initial[names.crossBias(layer)] = tf.zeros([input]);
    }
    for (const [layer, outputs] of shape.hidden.entries()) {
      const inputs = layer === 0 ? input : shape.hidden[layer - 1]!;
      initial[names.hidden(layer)] = random(inputs, outputs, Math.sqrt(2 / inputs));
      initial[names.hiddenBias(layer)] = tf.zeros([outputs]);
    }
    return Object.fromEntries(Object.entries(initial).map(([name, value]) => [name, tf.variable(value)]));
  });
}
