import * as tf from '@tensorflow/tfjs-core';
import { attentionBag, embeddingBag } from '../backend/ops.ts';
import {
  Add,
  Div,
  Exp,
  graph,
  Log,
  MatMul,
  Mul,
  ReduceSum,
  Reshape,
  Sqrt,
  Transpose,
  Unsqueeze,
} from '../export/onnx/index.ts';
import type { HistoryBatch } from '../training/histories.ts';
import type { Parameters } from '../training/optimiser.ts';
import type { ItemFeatures } from './two-tower-features.ts';

/** As in attentionBag: no attention, no query. */
const epsilon = 1e-12;

/**
 * Two towers over one set of items, N rows with 0 the padding, D dimensions, K attention heads:
 *
 *     item tower     V = E + features · F,   and H likewise for items of a history        [N, D]
 *     attention      a[k, i] = weight_i · exp(H_i·u_k + p_k·log(1 + position_i) + q_k·age_i)
 *     query tower    query = Σ_k (Σ_i a[k, i] · H_i / √Σ_i a[k, i]) · W_k                      [D]
 *     score          query · V_item
 */
const parameterNames = {
  items: 'items',
  itemFeatures: 'items.features',
  history: 'history',
  historyFeatures: 'history.features',
  gate: 'attention.gate',
  position: 'attention.position',
  age: 'attention.age',
  query: 'query.kernel',
} as const;

/** Untrained parameters around a table that is good as it stands: the sum of a history's rows is its query. */
export function initialParameters(
  table: Float32Array,
  dimensions: number,
  { features, heads }: { readonly features: ItemFeatures; readonly heads: number },
): Parameters {
  const names = parameterNames;
  const rows = table.length / dimensions;
  const identity = Float32Array.from({ length: heads * dimensions ** 2 }, (_, i) =>
    Math.floor(i / dimensions) % dimensions === i % dimensions ? 1 / heads : 0,
  );
  // Heads differ in how soon they forget, or they would all learn the same.
  const decay = Float32Array.from({ length: heads }, (_, head) => -0.1 - head);
  return tf.tidy(() => {
    const initial: Record<string, tf.Tensor> = {
      [names.items]: tf.tensor2d(table, [rows, dimensions]),
      [names.history]: tf.tensor2d(table, [rows, dimensions]),
      [names.gate]: tf.zeros([dimensions, heads]),
      [names.position]: tf.tensor2d(decay, [1, heads]),
      [names.age]: tf.zeros([1, heads]),
      [names.query]: tf.tensor2d(identity, [heads * dimensions, dimensions]),
    };
    if (features.count > 0) {
      initial[names.itemFeatures] = tf.zeros([features.count, dimensions]);
      initial[names.historyFeatures] = tf.zeros([features.count, dimensions]);
    }
    return Object.fromEntries(Object.entries(initial).map(([name, value]) => [name, tf.variable(value)]));
  });
}

/** V or H, [N, D]. */
export function itemTower(
  parameters: Readonly<Record<string, tf.Tensor>>,
  side: 'items' | 'history',
  features: ItemFeatures,
): tf.Tensor2D {
  const table = parameters[side] as tf.Tensor2D;
  const featureTable = parameters[`${side}.features`];
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

/** Queries [count, D] of a batch, `history` being the history side of the item tower. */
export function queryTower(
  parameters: Readonly<Record<string, tf.Tensor>>,
  history: tf.Tensor2D,
  batch: HistoryBatch,
): tf.Tensor2D {
  const names = parameterNames;
  const parameter = (name: string): tf.Tensor2D => parameters[name]! as tf.Tensor as tf.Tensor2D;
  const gates = tf.matMul(history, parameter(names.gate)) as tf.Tensor2D;
  const heads = attentionBag(history, gates, parameter(names.position), parameter(names.age), batch);
  return tf.matMul(tf.reshape(heads, [batch.count, -1]), parameter(names.query));
}

/** The query tower as ONNX; what queryTower computes, for one history. `scale` multiplies the query. */
export function encoderOnnx(parameters: Readonly<Record<string, tf.Tensor>>, scale: number): Uint8Array {
  const names = parameterNames;
  const g = graph('two-tower');
  const constant = (name: string, factor = 1) =>
    g.weights(
      name,
      (parameters[name]!.dataSync() as Float32Array).map((value) => value * factor),
      parameters[name]!.shape,
    );
  const dimensions = parameters[names.gate]!.shape[0]!;
  const rows = g.input('rows', [1, 'L', dimensions]);
  const column = (name: 'ages' | 'weights' | 'positions') => Unsqueeze(g.input(name, [1, 'L']), [2]);
  const gates = MatMul(rows, constant(names.gate));
  const byAge = MatMul(column('ages'), constant(names.age));
  const weights = column('weights');
  const byPosition = MatMul(Log(Add(column('positions'), 1)), constant(names.position));
  const attention = Mul(weights, Exp(Add(gates, Add(byPosition, byAge))));
  const sums = MatMul(Transpose(attention, [0, 2, 1]), rows);
  const totals = Transpose(ReduceSum(attention, [1], { keepDimensions: true }), [0, 2, 1]);
  const heads = Div(sums, Sqrt(Add(totals, epsilon)));
  const query = MatMul(Reshape(heads, [1, -1]), constant(names.query, scale));
  g.output('query', query, [1, dimensions]);
  return g.encode();
}
