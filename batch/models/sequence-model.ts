import * as tf from '@tensorflow/tfjs-core';
import { type History, latest } from '../../shared/history.ts';
import type { EmbeddingTable, Model } from '../recommender.ts';
import type { Parameters } from '../training/optimiser.ts';
import {
  type Events,
  type SequenceNetwork,
  tableNames,
  tableWithBias,
  type Weights,
  withOne,
} from './sequence-network.ts';

/** What scoring needs besides the trained parameters. */
export interface ScoringContext {
  /** [rows] what somebody without a history is answered by. */
  readonly popularity: Float32Array;
  readonly network: SequenceNetwork;
}

/** Events, padding included, and histories that are encoded at once. */
const eventsAtOnce = 12_800;
const historiesAtOnce = 512;

/** Scores as `Model.score` does, with the parameters as they stand. Holds no tensor after it. */
export const scoreWith =
  (parameters: Weights, { network, popularity }: ScoringContext): Model['score'] =>
  async (queries, candidates) => {
    const histories = queries.map(({ history }) => latest(history, network.maxHistory));
    const scores = new Array<Float32Array>(queries.length);
    for (const some of byLength(histories)) {
      const rows = await scoreAll(
        network,
        parameters,
        some.map((at) => histories[at]!),
      );
      for (const [row, at] of some.entries()) {
        const own = histories[at]!.items.length === 0 ? popularity : rows[row]!;
        const wanted = candidates?.[at];
        scores[at] = wanted === undefined ? own.slice() : Float32Array.from(wanted, (item) => own[item]!);
      }
    }
    return scores;
  };

/** Places of histories, those together that are about equally long, so that little is padded. */
function byLength(histories: readonly History[]): number[][] {
  const lengthOf = (at: number): number => histories[at]!.items.length;
  const order = [...histories.keys()].sort((a, b) => lengthOf(a) - lengthOf(b));
  const groups: number[][] = [];
  for (const at of order) {
    const group = groups.at(-1);
    if (
      group !== undefined &&
      (group.length + 1) * lengthOf(at) <= eventsAtOnce &&
      group.length < historiesAtOnce
    )
      group.push(at);
    else groups.push([at]);
  }
  return groups;
}

/** Views of every item's score for each history, [rows]. */
async function scoreAll(
  network: SequenceNetwork,
  parameters: Weights,
  histories: readonly History[],
): Promise<Float32Array[]> {
  const product = tf.tidy(() => {
    const { events, ends } = eventsOf(histories);
    const queries = withOne(network.queriesAt(parameters, events, ends));
    return tf.matMul(queries, tableWithBias(parameters), false, true);
  });
  const rows = product.shape[1]!;
  const values = (await product.data()) as Float32Array;
  product.dispose();
  return histories.map((_, at) => values.subarray(at * rows, (at + 1) * rows));
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
      const history = own[tableNames.history];
      return {
        kind: 'embedding',
        items: {
          ...(await tableOf(own[tableNames.items]!)),
          bias: (await own[tableNames.bias]!.data()) as Float32Array,
        },
        ...(history ? { history: await tableOf(history) } : {}),
        encoder: context.network.encoder(own),
        maxHistory: context.network.maxHistory,
      };
    },
    [Symbol.dispose]: () => tf.dispose(own),
  };
}

async function tableOf(table: tf.Tensor): Promise<EmbeddingTable> {
  const [rows, dimensions] = table.shape as [number, number];
  return { rows, dimensions, values: (await table.data()) as Float32Array };
}
