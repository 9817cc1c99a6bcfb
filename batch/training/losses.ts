import * as tf from '@tensorflow/tfjs-core';
import { sparseSoftmaxCrossEntropy } from '../backend/ops.ts';
import type { Example } from './examples.ts';
import type { Random } from './random.ts';

export interface SoftmaxOptions {
  /** Whether a history's own items are left out of its softmax. */
  readonly excludeHistory: boolean;
  /** What an example counts, beside the others of its batch; left out, all alike. */
  readonly weightOf?: (example: Example) => number;
}

/**
 * The items over which a batch's softmax runs, and log of the chance with which each is among them. Subtracting it from the
 * logits makes the sampled denominator an unbiased estimate of the full one (the logQ correction of Yi et al. 2019, with
 * inclusion chances as in Horvitz & Thompson 1952).
 */
export interface Candidates {
  /** Item indices, ascending. */
  readonly items: Int32Array;
  readonly logChance: Float32Array;
}

/**
 * The batch's targets and `negatives` uniform draws from 1…rows−1. `frequency[item]` is the share of an average example's
 * targets that the item makes up, times their number: the expected count of the item among one example's targets.
 */
export function sampleCandidates(
  examples: readonly Example[],
  negatives: number,
  frequency: Float32Array,
  random: Random,
): Candidates {
  const rows = frequency.length;
  const chosen = new Set<number>();
  for (const { targets } of examples) for (const item of targets) chosen.add(item);
  for (let i = 0; i < negatives; i++) chosen.add(1 + Math.floor(random() * (rows - 1)));
  const items = Int32Array.from(chosen).sort();
  const logChance = Float32Array.from(items, (item) => {
    const expected = examples.length * frequency[item]! + negatives / (rows - 1);
    return Math.log(-Math.expm1(-expected));
  });
  return { items, logChance };
}

/**
 * Mean over the examples, by their weights, of the softmax cross-entropy; an example's targets share its weight.
 * @param queries [examples, width]
 * @param table [rows, width] of items, all of them: row 0 is padding and takes no part
 */
export function softmaxLoss(
  queries: tf.Tensor2D,
  table: tf.Tensor2D,
  examples: readonly Example[],
  candidates: Candidates | undefined,
  { excludeHistory, weightOf = () => 1 }: SoftmaxOptions,
): tf.Scalar {
  const columns = candidates?.items.length ?? table.shape[0];
  const column = candidates ? placeOf(candidates.items) : (item: number) => item;
  const rows = candidates ? tf.gather(table, tf.tensor1d(candidates.items, 'int32')) : table;
  const product = tf.matMul(queries, rows, false, true) as tf.Tensor2D;
  const logits = candidates ? (tf.sub(product, tf.tensor1d(candidates.logChance)) as tf.Tensor2D) : product;
  const targets: number[] = [];
  const weights: number[] = [];
  const excluded: number[] = [];
  const total = examples.reduce((sum, example) => sum + weightOf(example), 0);
  for (const [row, example] of examples.entries()) {
    const own = new Set(example.targets);
    for (const item of own) {
      targets.push(row * columns + column(item)!);
      weights.push(weightOf(example) / (own.size * total));
    }
    if (!candidates) excluded.push(row * columns);
    if (!excludeHistory) continue;
    for (const item of example.history.items) {
      const at = column(item);
      if (at !== undefined && !own.has(item)) excluded.push(row * columns + at);
    }
  }
  return sparseSoftmaxCrossEntropy(
    logits,
    tf.tensor1d(Int32Array.from(targets), 'int32'),
    tf.tensor1d(weights),
    tf.tensor1d(Int32Array.from(excluded), 'int32'),
  );
}

const placeOf = (items: Int32Array): ((item: number) => number | undefined) => {
  const places = new Map<number, number>();
  for (const [place, item] of items.entries()) places.set(item, place);
  return (item) => places.get(item);
};
