import * as tf from '@tensorflow/tfjs-core';
import { itemWeights } from '../../shared/features.ts';
import { latest } from '../../shared/history.ts';
import { embeddingBag } from '../backend/ops.ts';
import { graph, WeightedSum } from '../export/onnx/index.ts';
import type { Model } from '../recommender.ts';
import { historyBatch } from '../training/histories.ts';
import type { Vectors } from './friends-vectors.ts';

const queriesAtOnce = 512;

export interface FriendsContext {
  readonly dimensions: number;
  readonly maxHistory: number;
  /** [items] what somebody without a history is answered by. */
  readonly popularity: Float32Array;
}

/** score = (Σ over the different items of the history of weight · history vector) · item vector. */
export function createModel(vectors: Vectors, context: FriendsContext, fittedOptions: unknown): Model {
  const { dimensions, maxHistory, popularity } = context;
  const rows = popularity.length;
  const [history, items] = [vectors.history, vectors.items].map((values) =>
    tf.tensor2d(values, [rows, dimensions]),
  ) as [tf.Tensor2D, tf.Tensor2D];
  return {
    fittedOptions,
    score: async (queries, candidates) => {
      const scores: Float32Array[] = [];
      for (let start = 0; start < queries.length; start += queriesAtOnce) {
        const histories = queries.slice(start, start + queriesAtOnce).map((query) => query.history);
        const product = tf.tidy(() => {
          const { items: events, bags, count } = historyBatch(histories, maxHistory);
          const weights = histories.flatMap((own) => [...itemWeights(latest(own, maxHistory))]);
          const pooled = embeddingBag(
            history,
            tf.tensor2d(weights, [weights.length, 1]),
            events,
            bags,
            count,
          );
          return tf.matMul(tf.reshape(pooled, [count, dimensions]), items, false, true);
        });
        const values = (await product.data()) as Float32Array;
        product.dispose();
        for (const [at, { items: known }] of histories.entries()) {
          const own = known.length === 0 ? popularity : values.subarray(at * rows, (at + 1) * rows);
          const wanted = candidates?.[start + at];
          scores.push(wanted === undefined ? own.slice() : Float32Array.from(wanted, (item) => own[item]!));
        }
      }
      return scores;
    },
    export: async () => ({
      kind: 'embedding',
      items: { rows, dimensions, values: vectors.items },
      history: { rows, dimensions, values: vectors.history },
      encoder: { onnx: encoderOnnx(dimensions), inputs: ['rows', 'itemWeights'] },
      maxHistory,
    }),
    [Symbol.dispose]: () => tf.dispose([history, items]),
  };
}

function encoderOnnx(dimensions: number): Uint8Array {
  const g = graph('friends');
  const rows = g.input('rows', [1, 'L', dimensions]);
  g.output('query', WeightedSum(rows, g.input('itemWeights', [1, 'L'])), [1, dimensions]);
  return g.encode();
}
