import * as tf from '@tensorflow/tfjs-core';
import { gather } from '../export/gather.ts';
import { ridge } from '../training/ridge.ts';
import { multiply, type SparseMatrix } from '../training/sparse.ts';
import type { ItemFeatures } from './two-tower-features.ts';

/** Items that training knows by their features alone, and those that it has seen. */
export interface ColdItems {
  /** [warm items, features] */
  readonly seen: SparseMatrix;
  /** [cold items, features] */
  readonly unseen: SparseMatrix;
  /** Rows of the item tower, in the order of the two. */
  readonly seenRows: Int32Array;
  readonly unseenRows: Int32Array;
}

/** Chosen on the validation items of ML-1M and Amazon Beauty (docs/models/two-tower.md); rows of features have length 1. */
const regularisation = 1;

/** The items without events that have features which items with events share; undefined where there are none. */
export function coldItems(features: ItemFeatures, items: Int32Array, rows: number): ColdItems | undefined {
  const isSeen = new Uint8Array(rows);
  for (const item of items) isSeen[item] = 1;
  const shared = new Set(features.features.filter((_, at) => isSeen[features.items[at]!] === 1));
  const described = features.items.filter((_, at) => shared.has(features.features[at]!));
  const isUnseen = new Uint8Array(rows);
  for (const item of described) isUnseen[item] = 1 - isSeen[item]!;
  const unseen = rowsOf(features, isUnseen);
  if (unseen.rows.length === 0) return undefined;
  const seen = rowsOf(features, isSeen);
  return { seen: seen.matrix, unseen: unseen.matrix, seenRows: seen.rows, unseenRows: unseen.rows };
}

/** The features of the marked items, as the rows of a matrix. */
function rowsOf(
  { items, features, weights, count }: ItemFeatures,
  isMarked: Uint8Array,
): { matrix: SparseMatrix; rows: Int32Array } {
  const rows = Int32Array.from([...isMarked.keys()].filter((item) => isMarked[item] === 1));
  const pairs = Int32Array.from([...items.keys()].filter((at) => isMarked[items[at]!] === 1));
  pairs.sort((a, b) => items[a]! - items[b]! || features[a]! - features[b]!);
  const places = new Int32Array(isMarked.length);
  for (const [place, row] of rows.entries()) places[row] = place;
  const offsets = new Uint32Array(rows.length + 1);
  for (const at of pairs) offsets[places[items[at]!]! + 1]!++;
  for (let row = 0; row < rows.length; row++) offsets[row + 1]! += offsets[row]!;
  return {
    rows,
    matrix: {
      rows: rows.length,
      columns: count,
      offsets,
      indices: pairs.map((at) => features[at]!),
      values: Float32Array.from(pairs, (at) => weights[at]!),
    },
  };
}

/**
 * What puts the vectors of cold items into one side of the item tower: what a ridge regression of the other items' vectors
 * on their features says. An id that was never trained on says nothing, and its features were only trained beside ids.
 * The last answer is kept, since validation asks for one state of the parameters many times.
 */
export function coldDescriber(cold: ColdItems | undefined): (tower: tf.Tensor2D) => tf.Tensor2D {
  if (cold === undefined) return (tower) => tower;
  let last: { readonly known: Float32Array; readonly vectors: Float32Array } | undefined;
  return (tower) => {
    const width = tower.shape[1];
    const values = tower.dataSync().slice() as Float32Array;
    const known = gather({ values, dimensions: width }, cold.seenRows);
    if (last === undefined || !Buffer.from(last.known.buffer).equals(Buffer.from(known.buffer))) {
      last = {
        known,
        vectors: multiply(cold.unseen, ridge(cold.seen, known, width, { regularisation }), width),
      };
    }
    for (const [place, row] of cold.unseenRows.entries()) {
      values.set(last.vectors.subarray(place * width, (place + 1) * width), row * width);
    }
    return tf.tensor2d(values, tower.shape);
  };
}
