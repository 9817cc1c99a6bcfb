import * as tf from '@tensorflow/tfjs-core';
import { embeddingBag } from '../backend/ops.ts';
import { dropout as dropOut } from '../training/layers.ts';
import type { Random } from '../training/random.ts';
import { attend, readHistory } from './ctr-ranker-history.ts';
import type { RankerBatch } from './ctr-ranker-layout.ts';
import { parameterNames, type Shape, type Weights } from './ctr-ranker-parameters.ts';
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
    : dropOut(x, dropout.rate, Math.floor(dropout.random() * 2 ** 32));

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
