import * as tf from '@tensorflow/tfjs-core';
import { embeddingBag } from '../backend/ops.ts';
import { dropoutMask } from '../training/layers.ts';
import type { Parameters } from '../training/optimiser.ts';
import { normal, type Random, seededRandom } from '../training/random.ts';
import { eventFeatures, historyFeatures, type RankerBatch } from './ctr-ranker-batches.ts';
import type { ItemFeatures } from './two-tower-features.ts';

/**
 * DCN-v2 (Wang et al. 2021) over the candidate, a summary of the history and an attention from the candidate over the history
 * (DIN, Zhou et al. 2018). T = E + features · F are the items' rows, c the candidate's, rᵢ those of the history, likedᵢ 1 or 0:
 *
 *     surprise    εᵢ = likedᵢ − σ(rᵢ·w + w₀): how much more than what people say of the item
 *     summary     u, u′ = relu(W [mean of liked rᵢ, mean of disliked rᵢ, mean of εᵢrᵢ, mean of εᵢ, counts])
 *     attention   a[h, i] = softmax over i and nothing of (c·Q_h)·(rᵢ·K_h + fᵢ·G_h) / √d,   o_h = Σᵢ a[h, i] · [εᵢrᵢ, likedᵢ, dislikedᵢ, εᵢ]·V_h
 *     x₀          [c, u, u′ ∘ c·A, o, o ∘ c·B, context, matches]
 *     cross       x_{l+1} = x₀ ∘ (x_l · P_l · R_l + b_l) + x_l
 *     logit       [x₂, mlp(x₀)] · w + b
 */
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

/** T, [rows, D]. */
export function itemTable(parameters: Weights, features: ItemFeatures): tf.Tensor2D {
  const table = parameters[parameterNames.items] as tf.Tensor2D;
  const featureTable = parameters[parameterNames.itemFeatures];
  if (featureTable === undefined) return table;
  const described = embeddingBag(
    featureTable as tf.Tensor2D,
    tf.tensor2d(features.weights, [features.weights.length, 1]),
    tf.tensor1d(features.features, 'int32'),
    tf.tensor1d(features.items, 'int32'),
    table.shape[0],
  );
  return tf.add(table, tf.reshape(described, table.shape));
}

/** What training hides, drawn anew in each step. */
export interface Dropout {
  readonly rate: number;
  readonly random: Random;
}

/** Logits [users · C] of a batch over the item table. */
export function logits(
  parameters: Weights,
  shape: Shape,
  table: tf.Tensor2D,
  batch: RankerBatch,
  dropout?: Dropout,
): tf.Tensor1D {
  const p = (name: string): tf.Tensor2D => parameters[name] as tf.Tensor2D;
  const names = parameterNames;
  const { users, questions } = batch;
  const rows = users * questions;
  const candidates = tf.gather(table, tf.tensor1d(batch.candidates, 'int32')) as tf.Tensor2D;
  const history = readHistory(parameters, shape, table, batch);
  const perRow = (x: tf.Tensor): tf.Tensor2D =>
    tf.reshape(tf.mul(tf.reshape(x, [users, 1, -1]), tf.ones([1, questions, 1])), [rows, -1]);
  const [summary, affinity] = tf.split(history.summary, 2, 1);
  const attended = attend(parameters, shape, candidates, history, batch);
  const parts = [
    candidates,
    perRow(summary!),
    tf.mul(perRow(affinity!), tf.matMul(candidates, p(names.affinity))),
    attended,
    tf.mul(attended, tf.matMul(candidates, p(names.gate))),
    ...batch.context.map((column, feature) =>
      tf.gather(p(names.context(feature)), tf.tensor1d(column, 'int32')),
    ),
    tf.tensor2d(batch.matches, [rows, 2]),
  ] as tf.Tensor2D[];
  const x0 = hide(tf.concat(parts, 1), dropout);
  let deep = x0;
  for (let layer = 0; layer < shape.hidden.length; layer++) {
    deep = tf.relu(tf.add(tf.matMul(deep, p(names.hidden(layer))), p(names.hiddenBias(layer))));
    deep = hide(deep, dropout);
  }
  const both = tf.concat([cross(parameters, shape, x0), deep], 1);
  return tf.reshape(tf.add(tf.matMul(both, p(names.logit)), p(names.logitBias)), [rows]);
}

const hide = (x: tf.Tensor2D, dropout: Dropout | undefined): tf.Tensor2D =>
  dropout === undefined || dropout.rate === 0
    ? x
    : tf.mul(x, dropoutMask(x.shape[0], x.shape[1], dropout.rate, dropout.random));

function cross(parameters: Weights, { crossLayers }: Shape, x0: tf.Tensor2D): tf.Tensor2D {
  let x = x0;
  for (let layer = 0; layer < crossLayers; layer++) {
    const names = parameterNames;
    const low = tf.matMul(x, parameters[names.crossIn(layer)] as tf.Tensor2D);
    const high = tf.add(
      tf.matMul(low, parameters[names.crossOut(layer)] as tf.Tensor2D),
      parameters[names.crossBias(layer)]!,
    );
    x = tf.add(tf.mul(x0, high), x);
  }
  return x;
}

/** What is computed of histories whatever is asked. */
interface HistoryState {
  /** [users, 2 · D] */
  readonly summary: tf.Tensor2D;
  /** [users, heads, L, headWidth] */
  readonly keys: tf.Tensor;
  readonly values: tf.Tensor;
}

function readHistory(
  parameters: Weights,
  shape: Shape,
  table: tf.Tensor2D,
  batch: RankerBatch,
): HistoryState {
  const p = (name: string): tf.Tensor2D => parameters[name] as tf.Tensor2D;
  const names = parameterNames;
  const { users, length } = batch;
  const places = users * length;
  const events = tf.tensor2d(batch.events, [places, eventFeatures.length]);
  const liked = tf.slice(events, [0, 0], [places, 1]);
  const signs = tf.slice(events, [0, 0], [places, 2]);
  const present = tf.sum(signs, 1, true);
  // What is no event keeps a row of zeros, whatever padding's own row would be trained to.
  const rows = tf.mul(tf.gather(table, tf.tensor1d(batch.items, 'int32')), present) as tf.Tensor2D;
  const expected = tf.sigmoid(tf.add(tf.matMul(rows, p(names.expected)), p(names.expectedBias)));
  const surprise = tf.sub(liked, tf.mul(present, expected)) as tf.Tensor2D;
  const surprising = tf.mul(rows, surprise) as tf.Tensor2D;
  const signed = tf.concat([surprising, signs, surprise], 1) as tf.Tensor2D;
  const values = tf.matMul(signed, p(names.value)) as tf.Tensor2D;
  const keys = tf.add(tf.matMul(rows, p(names.key)), tf.matMul(events, p(names.keyEvent))) as tf.Tensor2D;
  return {
    summary: summarise(parameters, { rows, signs: signs as tf.Tensor2D, surprise }, batch),
    keys: byHead(keys, users, length, shape.heads),
    values: byHead(values, users, length, shape.heads),
  };
}

type Pools = Readonly<Record<'rows' | 'signs' | 'surprise', tf.Tensor2D>>;

/** [users, 2 · D]: the means over a history, and how many events they are of, through one layer. */
function summarise(
  parameters: Weights,
  { rows, signs, surprise }: Pools,
  { users, length, histories }: RankerBatch,
): tf.Tensor2D {
  const names = parameterNames;
  const facts = tf.tensor2d(histories, [users, historyFeatures.length]);
  const shares = tf.slice(facts, [0, historyFeatures.indexOf('perLiked')], [users, 3]);
  const pooling = tf.reshape(tf.concat([signs, surprise], 1), [users, length, 3]);
  const ones = tf.ones([users, length, 1]);
  const described = tf.concat([tf.reshape(rows, [users, length, -1]), ones], 2);
  // [users, 3, D + 1]: of each pool the sum of its rows, and of its signs.
  const sums = tf.mul(
    tf.matMul(pooling as tf.Tensor3D, described as tf.Tensor3D, true, false),
    tf.reshape(shares, [users, 3, 1]),
  );
  const width = rows.shape[1];
  const means = tf.reshape(tf.slice(sums, [0, 0, 0], [users, 3, width]), [users, 3 * width]);
  const surprised = tf.reshape(tf.slice(sums, [0, 2, width], [users, 1, 1]), [users, 1]);
  const input = tf.concat([means, surprised, facts], 1) as tf.Tensor2D;
  return tf.relu(
    tf.add(tf.matMul(input, parameters[names.summary] as tf.Tensor2D), parameters[names.summaryBias]!),
  );
}

/** [users · places, heads · width] → [users, heads, places, width]. */
const byHead = (x: tf.Tensor2D, users: number, places: number, heads: number): tf.Tensor =>
  tf.transpose(tf.reshape(x, [users, places, heads, -1]), [0, 2, 1, 3]);

/** [users · C, heads · headWidth] */
function attend(
  parameters: Weights,
  { heads, headWidth }: Shape,
  candidates: tf.Tensor2D,
  { keys, values }: HistoryState,
  { users, length, questions, padding }: RankerBatch,
): tf.Tensor2D {
  const names = parameterNames;
  const queries = tf.add(
    tf.matMul(candidates, parameters[names.query] as tf.Tensor2D),
    parameters[names.queryBias]!,
  ) as tf.Tensor2D;
  const scaled = byHead(tf.mul(queries, 1 / Math.sqrt(headWidth)), users, questions, heads);
  const match = tf.add(tf.matMul(scaled, keys, false, true), tf.tensor4d(padding, [users, 1, 1, length]));
  const pooled = tf.matMul(tf.softmax(match), values);
  return tf.reshape(tf.transpose(pooled, [0, 2, 1, 3]), [users * questions, heads * headWidth]);
}
