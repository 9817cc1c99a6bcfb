import { itemWeights } from '../../shared/features.ts';
import { type History, latest } from '../../shared/history.ts';

/** What a user has chosen, as a set: different items and what each counts, as a vector of length 1. */
export interface ItemSet {
  readonly items: Int32Array;
  readonly values: Float32Array;
}

/** The set of a history's newest `length` events; events that weigh nothing are not in it. */
export function itemSet(history: History, length: number): ItemSet {
  const read = latest(history, length);
  const weights = itemWeights(read);
  const items = read.items.filter((_, at) => weights[at]! > 0);
  const values = weights.filter((weight) => weight > 0);
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return { items, values: values.map((value) => value / norm) };
}

/** `count` sets laid end to end: [entries] each, and the set that an entry belongs to. */
export interface ItemBags {
  readonly count: number;
  readonly items: Int32Array;
  readonly bags: Int32Array;
  readonly values: Float32Array;
}

export function bagsOf(sets: readonly ItemSet[]): ItemBags {
  const size = sets.reduce((sum, { items }) => sum + items.length, 0);
  const items = new Int32Array(size);
  const bags = new Int32Array(size);
  const values = new Float32Array(size);
  let start = 0;
  for (const [bag, set] of sets.entries()) {
    items.set(set.items, start);
    values.set(set.values, start);
    bags.fill(bag, start, start + set.items.length);
    start += set.items.length;
  }
  return { count: sets.length, items, bags, values };
}
