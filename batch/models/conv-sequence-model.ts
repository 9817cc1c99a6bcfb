import * as tf from '@tensorflow/tfjs-core';
import { type History, latest } from '../../shared/history.ts';
import type { Model, Query } from '../recommender.ts';
import type { Parameters } from '../training/optimiser.ts';
import {
  type Events,
  parameterNames,
  queriesAt,
  tableWithBias,
  type Weights,
  withOne,
} from './conv-sequence-network.ts';
import { encoderInputs, encoderOnnx } from './conv-sequence-onnx.ts';

/** What scoring needs besides the trained parameters. */
export interface ScoringContext {
  /** [rows] what somebody without a history is answered by. */
  readonly popularity: Float32Array;
  readonly options: { readonly maxHistory: number };
}

const eventsAtOnce = 12_800;

/** Scores as `Model.score` does, with the parameters as they stand. Holds no tensor after it. */
export const scoreWith =
  (parameters: Weights, context: ScoringContext): Model['score'] =>
  async (queries, candidates) => {
    const scores: Float32Array[] = [];
    const atOnce = Math.max(1, Math.floor(eventsAtOnce / context.options.maxHistory));
    for (let start = 0; start < queries.length; start += atOnce) {
      const some = queries.slice(start, start + atOnce);
      scores.push(...(await scoreSome(parameters, context, some, candidates?.slice(start, start + atOnce))));
    }
    return scores;
  };

async function scoreSome(
  parameters: Weights,
  { options, popularity }: ScoringContext,
  queries: readonly Query[],
  candidates: readonly Int32Array[] | undefined,
): Promise<Float32Array[]> {
  const histories = queries.map(({ history }) => latest(history, options.maxHistory));
  const product = tf.tidy(() => {
    const { events, ends } = eventsOf(histories);
    return tf.matMul(withOne(queriesAt(parameters, events, ends)), tableWithBias(parameters), false, true);
  });
  const rows = product.shape[1]!;
  const values = (await product.data()) as Float32Array;
  product.dispose();
  return histories.map(({ items }, at) => {
    const own = items.length === 0 ? popularity : values.subarray(at * rows, (at + 1) * rows);
    const wanted = candidates?.[at];
    return wanted === undefined ? own.slice() : Float32Array.from(wanted, (item) => own[item]!);
  });
}

/** Histories as the network takes them, and the places where they end. */
function eventsOf(histories: readonly History[]): { events: Events; ends: tf.Tensor1D } {
  const count = histories.length;
  const length = Math.max(1, ...histories.map(({ items }) => items.length));
  const items = new Int32Array(length * count);
  const weights = new Float32Array(length * count);
  const ends = new Int32Array(count);
  for (const [column, history] of histories.entries()) {
    for (const [t, item] of history.items.entries()) {
      items[t * count + column] = item;
      weights[t * count + column] = history.weights[t]!;
    }
    ends[column] = Math.max(0, history.items.length - 1) * count + column;
  }
  return {
    events: { length, items: tf.tensor1d(items, 'int32'), weights: tf.tensor1d(weights) },
    ends: tf.tensor1d(ends, 'int32'),
  };
}

/** A trained model; keeps nothing of the parameters' own tensors. */
export function createModel(parameters: Parameters, context: ScoringContext, fittedOptions: unknown): Model {
  const own = tf.tidy(() =>
    Object.fromEntries(Object.entries(parameters).map(([name, variable]) => [name, tf.clone(variable)])),
  );
  return {
    fittedOptions,
    score: scoreWith(own, context),
    async export() {
      const items = own[parameterNames.items]!;
      return {
        kind: 'embedding',
        items: {
          rows: items.shape[0]!,
          dimensions: items.shape[1]!,
          values: (await items.data()) as Float32Array,
          bias: (await own[parameterNames.bias]!.data()) as Float32Array,
        },
        encoder: { onnx: encoderOnnx(own), inputs: encoderInputs },
        maxHistory: context.options.maxHistory,
      };
    },
    [Symbol.dispose]: () => tf.dispose(own),
  };
}
