import type { SoftmaxLists } from '../backend/ops.ts';
import type { Example } from './examples.ts';
import type { Random } from './random.ts';
import type { Arena } from './shared-memory.ts';

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

/** Columns are the candidates, or all items where there are none; target weights sum to 1. */
export interface SoftmaxArrays extends SoftmaxLists<Int32Array, Float32Array> {
  readonly candidates: Candidates | undefined;
}

/** The different targets of a batch and `negatives` uniform draws from 1 … rows − 1, ascending. */
export function drawCandidates(
  targets: Iterable<number>,
  negatives: number,
  rows: number,
  random: Random,
): Int32Array {
  const chosen = new Uint8Array(rows);
  for (const item of targets) chosen[item] = 1;
  for (let i = 0; i < negatives; i++) chosen[1 + Math.floor(random() * (rows - 1))] = 1;
  let count = 0;
  for (let item = 0; item < rows; item++) count += chosen[item]!;
  const items = new Int32Array(count);
  for (let item = 0, at = 0; item < rows; item++) if (chosen[item] === 1) items[at++] = item;
  return items;
}

/**
 * {@link drawCandidates} with their chances. `frequency[item]` is the share of an average example's
 * targets that the item makes up, times their number: the expected count of the item among one example's targets.
 */
export function sampleCandidates(
  examples: readonly Pick<Example, 'targets'>[],
  negatives: number,
  frequency: Float32Array,
  random: Random,
): Candidates {
  const rows = frequency.length;
  const targets = new Int32Array(examples.reduce((sum, example) => sum + example.targets.length, 0));
  let start = 0;
  for (const example of examples) {
    targets.set(example.targets, start);
    start += example.targets.length;
  }
  const items = drawCandidates(targets, negatives, rows, random);
  const logChance = new Float32Array(items.length);
  for (let at = 0; at < items.length; at++) {
    const expected = examples.length * frequency[items[at]!]! + negatives / (rows - 1);
    logChance[at] = Math.log(-Math.expm1(-expected));
  }
  return { items, logChance };
}

/** [rows] the column of each item, −1 for one that is no candidate. */
export function columnsOf(candidates: Int32Array | undefined, rows: number): Int32Array {
  const columns = new Int32Array(rows);
  if (!candidates) for (let item = 0; item < rows; item++) columns[item] = item;
  else {
    columns.fill(-1);
    for (let column = 0; column < candidates.length; column++) columns[candidates[column]!] = column;
  }
  return columns;
}

/**
 * What a softmax over `rows` items has to be told of its examples; an example's targets share its weight.
 * @param rows all items, the padding among them, which takes no part
 */
export function softmaxArrays(
  examples: readonly Example[],
  rows: number,
  candidates: Candidates | undefined,
  { excludeHistory, weightOf = () => 1 }: SoftmaxOptions,
  arena: Arena,
): SoftmaxArrays {
  const columnOf = columnsOf(candidates?.items, rows);
  const count = examples.reduce((sum, { targets }) => sum + targets.length, 0);
  const past = excludeHistory ? examples.reduce((sum, { history }) => sum + history.items.length, 0) : 0;
  const targets = arena.int32(count);
  const targetWeights = arena.float32(count);
  const targetEnds = arena.int32(examples.length);
  const excluded = arena.int32(examples.length + past);
  const excludedStarts = arena.int32(examples.length);
  const excludedEnds = arena.int32(examples.length);
  const total = examples.reduce((sum, example) => sum + weightOf(example), 0);
  /** Of each item, the number of the last example (from 1) whose target it is, or which has excluded it. */
  const taken = new Int32Array(rows);
  let target = 0;
  let exclusion = 0;
  for (let row = 0; row < examples.length; row++) {
    const example = examples[row]!;
    const weight = weightOf(example) / (example.targets.length * total);
    for (const item of example.targets) {
      taken[item] = row + 1;
      targets[target] = columnOf[item]!;
      targetWeights[target++] = weight;
    }
    targetEnds[row] = target;
    excludedStarts[row] = exclusion;
    if (!candidates) excluded[exclusion++] = 0;
    const past = excludeHistory ? example.history.items : [];
    for (const item of past) {
      if (columnOf[item]! < 0 || taken[item] === row + 1) continue;
      taken[item] = row + 1;
      excluded[exclusion++] = columnOf[item]!;
    }
    excludedEnds[row] = exclusion;
  }
  return {
    targets,
    targetWeights,
    targetEnds,
    excluded: excluded.subarray(0, exclusion),
    excludedStarts,
    excludedEnds,
    candidates,
  };
}
