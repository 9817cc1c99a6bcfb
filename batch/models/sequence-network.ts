import * as tf from '@tensorflow/tfjs-core';
import type { EncoderInput } from '../../shared/features.ts';
import type { Random } from '../training/random.ts';

export type Weights = Readonly<Record<string, tf.Tensor>>;

/** Tables of every sequence model: what is scanned, its bias [rows, 1], and what the network reads where that is another. */
export const tableNames = { items: 'items', bias: 'items.bias', history: 'history' } as const;

/** Events of some histories, time-major: place t · count + w is event t of history w. Places past an end may hold anything. */
export interface Events {
  readonly length: number;
  readonly items: tf.Tensor1D;
  readonly weights: tf.Tensor1D;
}

/** What the data decide about the size of a network. */
export interface Catalogue {
  /** Items, with the padding row. */
  readonly rows: number;
  /** Whether events weigh differently. */
  readonly kinds: boolean;
}

/** What zeroes a share of the events' vectors, and of what lies within a network, in training. */
export interface Dropout {
  readonly input: (x: tf.Tensor2D) => tf.Tensor2D;
  readonly within: (x: tf.Tensor2D) => tf.Tensor2D;
}

export const noDropout: Dropout = { input: (x) => x, within: (x) => x };

/** What turns the events of a history into a query, score = query · items + bias: all in which sequence models differ. */
export interface SequenceNetwork {
  readonly name: string;
  /** Newest events that a query depends on. */
  readonly maxHistory: number;
  /** Events of a training window, where they are more. */
  readonly window?: number;
  /**
   * First values of all parameters, {@link tableNames} among them; row 0 of the tables is zeros. To be called inside a tidy.
   * @param draw standard normal numbers
   */
  initial(catalogue: Catalogue, draw: Random): Record<string, tf.Tensor>;
  /** Queries [places, D] of the histories that end at these places. */
  queriesAt(parameters: Weights, events: Events, places: tf.Tensor1D, drop?: Dropout): tf.Tensor2D;
  /** The same for the newest event of one history of 1 … maxHistory events. */
  encoder(parameters: Weights): { readonly onnx: Uint8Array; readonly inputs: readonly EncoderInput[] };
}

/** @param draw standard normal numbers */
export const drawn = (height: number, width: number, deviation: number, draw: Random): tf.Tensor2D =>
  tf.tensor2d(
    Float32Array.from({ length: height * width }, () => deviation * draw()),
    [height, width],
  );

/** The same as a table of items: its first row, the padding, is zeros. */
export function drawnTable(rows: number, dimensions: number, deviation: number, draw: Random): tf.Tensor2D {
  const values = Float32Array.from({ length: rows * dimensions }, () => deviation * draw());
  return tf.tensor2d(values.fill(0, 0, dimensions), [rows, dimensions]);
}

/** The table that a network reads. */
export const historyTable = (parameters: Weights): tf.Tensor2D =>
  (parameters[tableNames.history] ?? parameters[tableNames.items]) as tf.Tensor2D;

/** The item table with its bias as one more column, against queries with one more 1: [rows, D + 1]. */
export const tableWithBias = (parameters: Weights): tf.Tensor2D =>
  tf.concat([parameters[tableNames.items]!, parameters[tableNames.bias]!], 1) as tf.Tensor2D;

export const withOne = (queries: tf.Tensor2D): tf.Tensor2D =>
  tf.pad(
    queries,
    [
      [0, 0],
      [0, 1],
    ],
    1,
  );
