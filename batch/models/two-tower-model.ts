import * as tf from '@tensorflow/tfjs-core';
import type { Model, Query } from '../recommender.ts';
import { historyBatch } from '../training/histories.ts';
import type { Parameters } from '../training/optimiser.ts';
import { type ColdItems, coldDescriber } from './two-tower-cold.ts';
import type { ItemFeatures } from './two-tower-features.ts';
import { encoderOnnx, itemTower, queryTower } from './two-tower-network.ts';

/** What scoring needs besides the trained parameters. */
export interface ScoringContext {
  readonly features: ItemFeatures;
  readonly cold: ColdItems | undefined;
  /** [rows] what somebody without a history is answered by. */
  readonly popularity: Float32Array;
  readonly options: { readonly maxHistory: number };
}

const queriesAtOnce = 512;

/** Scores as `Model.score` does, with the parameters as they stand. Holds no tensor after it. */
export function scoreWith(parameters: Parameters, scale: number, context: ScoringContext): Model['score'] {
  const open = towerOpener(context);
  return async (queries, candidates) => {
    const towers = tf.tidy(() => open(parameters));
    try {
      return await scoreAll(towers, scale, context, queries, candidates);
    } finally {
      tf.dispose({ ...towers });
    }
  };
}

/** A trained two-tower: both sides of the item tower computed, nothing of the parameters' own tensors kept. */
export function createModel(
  parameters: Parameters,
  scale: number,
  context: ScoringContext,
  fittedOptions: unknown,
): Model {
  const towers = tf.tidy(() => towerOpener(context)(parameters));
  const encoder = encoderOnnx(towers.parameters, scale);
  return {
    fittedOptions,
    score: (queries, candidates) => scoreAll(towers, scale, context, queries, candidates),
    export: async () => ({
      kind: 'embedding',
      items: await table(towers.items),
      history: await table(towers.history),
      encoder: { onnx: encoder, inputs: ['rows', 'ages', 'weights', 'positions'] },
      maxHistory: context.options.maxHistory,
    }),
    [Symbol.dispose]: () => tf.dispose({ ...towers }),
  };
}

const table = async (values: tf.Tensor2D) => ({
  rows: values.shape[0],
  dimensions: values.shape[1],
  values: (await values.data()) as Float32Array,
});

type Towers = {
  readonly items: tf.Tensor2D;
  readonly history: tf.Tensor2D;
  /** Those of the query tower. */
  readonly parameters: Readonly<Record<string, tf.Tensor>>;
};

/** Both item tables and the query tower, in tensors that outlive the parameters (clones share their values). */
function towerOpener({ features, cold }: ScoringContext): (parameters: Parameters) => Towers {
  const describe = { items: coldDescriber(cold), history: coldDescriber(cold) };
  return (parameters) => {
    const side = (name: 'items' | 'history'): tf.Tensor2D =>
      tf.clone(describe[name](itemTower(parameters, name, features)));
    return {
      items: side('items'),
      history: side('history'),
      parameters: Object.fromEntries(
        Object.entries(parameters)
          .filter(([name]) => !/^(items|history)/.test(name))
          .map(([name, variable]) => [name, tf.clone(variable)]),
      ),
    };
  };
}

async function scoreAll(
  towers: Towers,
  scale: number,
  context: ScoringContext,
  queries: readonly Query[],
  candidates: readonly Int32Array[] | undefined,
): Promise<Float32Array[]> {
  const rows = towers.items.shape[0];
  const scores: Float32Array[] = [];
  for (let start = 0; start < queries.length; start += queriesAtOnce) {
    const histories = queries.slice(start, start + queriesAtOnce).map(({ history }) => history);
    const product = tf.tidy(() => {
      const batch = historyBatch(histories, context.options.maxHistory);
      const query = tf.mul(queryTower(towers.parameters, towers.history, batch), scale);
      return tf.matMul(query, towers.items, false, true);
    });
    const values = (await product.data()) as Float32Array;
    product.dispose();
    for (const [at, { items }] of histories.entries()) {
      const own = items.length === 0 ? context.popularity : values.subarray(at * rows, (at + 1) * rows);
      const wanted = candidates?.[start + at];
      scores.push(wanted === undefined ? own.slice() : Float32Array.from(wanted, (item) => own[item]!));
    }
  }
  return scores;
}
