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

/** Positions are flat: row · columns + column, columns being the candidates, or all items where there are none. */
export interface SoftmaxArrays {
  readonly targets: Int32Array;
  /** [targets] they sum to 1. */
  readonly targetWeights: Float32Array;
  /** Positions that take no part. */
  readonly excluded: Int32Array;
  readonly candidates: Candidates | undefined;
}

/** The different targets of a batch and `negatives` uniform draws from 1 … rows − 1, ascending. */
export function drawCandidates(
  targets: Iterable<number>,
  negatives: number,
  rows: number,
  random: Random,
): Int32Array {
  const chosen = new Set(targets);
  for (let i = 0; i < negatives; i++) chosen.add(1 + Math.floor(random() * (rows - 1)));
  return Int32Array.from(chosen).sort();
}

/**
 * {@link drawCandidates} with their chances. `frequency[item]` is the share of an average example's
 * targets that the item makes up, times their number: the expected count of the item among one example's targets.
 */
export function sampleCandidates(
  examples: readonly Example[],
  negatives: number,
  frequency: Float32Array,
  random: Random,
): Candidates {
  const rows = frequency.length;
  const targets = new Set<number>();
  for (const example of examples) for (const item of example.targets) targets.add(item);
  const items = drawCandidates(targets, negatives, rows, random);
  const logChance = Float32Array.from(items, (item) => {
    const expected = examples.length * frequency[item]! + negatives / (rows - 1);
    return Math.log(-Math.expm1(-expected));
  });
  return { items, logChance };
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
  const columns = candidates?.items.length ?? rows;
  const columnOf = candidates ? placesOf(candidates.items) : (item: number) => item;
  const count = examples.reduce((sum, { targets }) => sum + targets.length, 0);
  const past = excludeHistory ? examples.reduce((sum, { history }) => sum + history.items.length, 0) : 0;
  const targets = arena.int32(count);
  const targetWeights = arena.float32(count);
  const excluded = arena.int32(examples.length + past);
  const total = examples.reduce((sum, example) => sum + weightOf(example), 0);
  /** Of each column, the number of the last example (from 1) whose target it is, or which has excluded it. */
  const taken = new Int32Array(columns);
  let target = 0;
  let exclusion = 0;
  for (const [row, example] of examples.entries()) {
    const weight = weightOf(example) / (example.targets.length * total);
    for (const item of example.targets) {
      const column = columnOf(item)!;
      taken[column] = row + 1;
      targets[target] = row * columns + column;
      targetWeights[target++] = weight;
    }
    if (!candidates) excluded[exclusion++] = row * columns;
    if (!excludeHistory) continue;
    for (const item of example.history.items) {
      const column = columnOf(item);
      if (column === undefined || taken[column] === row + 1) continue;
      taken[column] = row + 1;
      excluded[exclusion++] = row * columns + column;
    }
  }
  return { targets, targetWeights, excluded: excluded.subarray(0, exclusion), candidates };
}

const placesOf = (items: Int32Array): ((item: number) => number | undefined) => {
  const places = new Map<number, number>();
  for (const [place, item] of items.entries()) places.set(item, place);
  return (item) => places.get(item);
};
