import type { Dataset } from '../data/dataset.ts';
import { friendGraph, rowOf } from '../training/friend-graph.ts';
import { columnSums, rowSums, type SparseMatrix, scale } from '../training/sparse.ts';
import { type Svd, truncatedSvd } from '../training/svd.ts';
import { itemFeatures } from './two-tower-features.ts';

/** How the matrix is made whose regression on itself the vectors are. */
export interface EvidenceOptions {
  readonly dimensions: number;
  /** Times that everybody counts as a friend of themselves. */
  readonly self: number;
  /** How far people with many friends are damped as witnesses: 0 not at all, 1 to a mean. */
  readonly damping: number;
  /** What one thing in common counts. */
  readonly commonItems: number;
}

/**
 * Who is linked by whom or what: a row for each person, whose friends are its entries, and one for each feature, with the people
 * who have it. A person's row is divided by (friends + self)^damping; a feature's entries are commonItems / (people of the
 * feature · √features of the person)^½.
 */
export function evidence(train: Dataset, { self, damping, commonItems }: EvidenceOptions): SparseMatrix {
  const friends = withDiagonal(friendGraph(train), self);
  const power = (sums: Float64Array, exponent: number): Float64Array =>
    sums.map((sum) => (sum > 0 ? sum ** -exponent : 0));
  const ones = new Float64Array(friends.columns).fill(1);
  const people = scale(friends, power(rowSums(friends), damping), ones);
  const common = peopleByFeature(train);
  if (commonItems === 0 || common.rows === 0) return people;
  const byFeature = power(rowSums(common), 0.5).map((factor) => factor * commonItems);
  return stack(people, scale(common, byFeature, power(columnSums(common), 0.25)));
}

/** The graph of those who have friends, and `self` on its diagonal. */
function withDiagonal(graph: SparseMatrix, self: number): SparseMatrix {
  const offsets = new Uint32Array(graph.rows + 1);
  const indices: number[] = [];
  const values: number[] = [];
  for (let person = 0; person < graph.rows; person++) {
    const friends = rowOf(graph, person);
    const own = friends.length > 0 && self > 0 ? [...friends, person].sort((a, b) => a - b) : friends;
    for (const friend of own) {
      indices.push(friend);
      values.push(friend === person ? self : 1);
    }
    offsets[person + 1] = indices.length;
  }
  return { ...graph, offsets, indices: Int32Array.from(indices), values: Float32Array.from(values) };
}

/** [features, items] 1 where an item has the feature. */
function peopleByFeature(train: Dataset): SparseMatrix {
  const { count, items, features } = itemFeatures(train);
  const people = Array.from({ length: count }, (): number[] => []);
  for (const [pair, feature] of features.entries()) people[feature]!.push(items[pair]!);
  const offsets = new Uint32Array(count + 1);
  for (const [feature, own] of people.entries()) offsets[feature + 1] = offsets[feature]! + own.length;
  return {
    ...{ rows: count, columns: train.itemIds.length, offsets },
    indices: Int32Array.from(people.flat()),
    values: new Float32Array(items.length).fill(1),
  };
}

/** One matrix above another of as many columns. */
function stack(upper: SparseMatrix, lower: SparseMatrix): SparseMatrix {
  const join = <T extends Int32Array | Float32Array>(a: T, b: T, to: T): T => {
    to.set(a);
    to.set(b, a.length);
    return to;
  };
  const size = upper.indices.length + lower.indices.length;
  const offsets = new Uint32Array(upper.rows + lower.rows + 1);
  offsets.set(upper.offsets);
  for (let row = 0; row <= lower.rows; row++)
    offsets[upper.rows + row] = upper.indices.length + lower.offsets[row]!;
  return {
    ...{ rows: upper.rows + lower.rows, columns: upper.columns, offsets },
    indices: join(upper.indices, lower.indices, new Int32Array(size)),
    values: join(upper.values, lower.values, new Float32Array(size)),
  };
}

/** The decomposition that the vectors of every ridge share. */
export const decompose = (train: Dataset, options: EvidenceOptions, seed: number): Svd =>
  truncatedSvd(evidence(train, options), {
    ...{ rank: options.dimensions, seed, iterations: 4 },
    oversampling: Math.max(16, options.dimensions >> 3),
  });

/** [items · dimensions] each: what a person adds to a history, and what they are found by. */
export interface Vectors {
  readonly history: Float32Array;
  readonly items: Float32Array;
}

/**
 * Ridge regression of every column of a matrix M = UΣVᵀ on all of them predicts x from x · V h Vᵀ with h = σ² / (σ² + ridge), from
 * which each column has to be told without itself: dividing what is predicted of column c by 1 − Σ_k h_k V_ck², the share that c does
 * not explain of itself, makes it the prediction that had not seen c, up to what x has in c (as in leave-one-out residuals, Allen 1974; without
 * truncation this is EASE, Steck 2019). History vectors are V √h, item vectors those divided, by the power `correction` of it.
 */
export function regressionVectors(
  { right, singularValues, rank }: Svd,
  { ridge, correction }: { readonly ridge: number; readonly correction: number },
): Vectors {
  const shrinkage = singularValues.map((value) => value ** 2 / (value ** 2 + ridge));
  const history = right.map((value, at) => value * Math.sqrt(shrinkage[at % rank]!));
  const items = history.slice();
  for (let start = 0; start < items.length; start += rank) {
    const row = items.subarray(start, start + rank);
    const own = row.reduce((sum, value) => sum + value * value, 0);
    const divisor = (1 - own) ** correction;
    for (let k = 0; k < rank; k++) row[k]! /= divisor;
  }
  return { history, items };
}
