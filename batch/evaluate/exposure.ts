import type { Dataset } from '../data/dataset.ts';
import { type Rankings, rankingOf } from './rank.ts';

/** [items] how many users have each item, repeats not counted. */
export function usersPerItem(dataset: Dataset): Uint32Array {
  const users = new Uint32Array(dataset.itemIds.length);
  const lastUser = new Int32Array(dataset.itemIds.length).fill(-1);
  for (let user = 0; user + 1 < dataset.offsets.length; user++) {
    for (let event = dataset.offsets[user]!; event < dataset.offsets[user + 1]!; event++) {
      const item = dataset.items[event]!;
      if (lastUser[item] === user) continue;
      lastUser[item] = user;
      users[item]!++;
    }
  }
  return users;
}

/** Item indices 1…items−1, those with the most users first, ties by index. */
export function byPopularity(users: Uint32Array): Int32Array {
  return Int32Array.from({ length: users.length - 1 }, (_, i) => i + 1).sort(
    (a, b) => users[b]! - users[a]! || a - b,
  );
}

/** Share of the catalogue's items that are among the first k of at least one ranking. */
export function coverage(rankings: Rankings, k: number): number {
  const seen = new Set<number>();
  for (const item of firstPlaces(rankings, k)) seen.add(item);
  return seen.size / (rankings.rows - 1);
}

/**
 * [queries] mean self-information of the first k, in bits: −log₂ of the share of users who have the item (Zhou et
 * al. 2010). An item nobody has counts as if one user had it; an empty ranking has novelty 0.
 */
export function noveltyOf(rankings: Rankings, k: number, users: Uint32Array, allUsers: number): Float32Array {
  const bits = Float64Array.from(users, (count) => Math.log2(allUsers / Math.max(1, count)));
  return Float32Array.from({ length: rankings.items.length / rankings.k }, (_, query) => {
    const ranked = rankingOf(rankings, query).subarray(0, k);
    return ranked.reduce((sum, item) => sum + bits[item]!, 0) / Math.max(1, ranked.length);
  });
}

export const exposureBins = 50;

/** Cumulative shares of `counts` [items] that the most popular 1/50, 2/50, … of the items hold. */
export function concentration(counts: ArrayLike<number>, order: Int32Array): number[] {
  const cumulative = new Float64Array(order.length + 1);
  for (const [at, item] of order.entries()) cumulative[at + 1] = cumulative[at]! + counts[item]!;
  const total = cumulative[order.length]! || 1;
  return Array.from({ length: exposureBins }, (_, bin) => {
    const end = ((bin + 1) * order.length) / exposureBins;
    return cumulative[Math.round(end)]! / total;
  });
}

/** [items] places that each item holds among the first k of all rankings. */
export function placesPerItem(rankings: Rankings, k: number): Uint32Array {
  const places = new Uint32Array(rankings.rows);
  for (const item of firstPlaces(rankings, k)) places[item]!++;
  return places;
}

function* firstPlaces(rankings: Rankings, k: number): Generator<number> {
  for (let from = 0; from < rankings.items.length; from += rankings.k) {
    for (let at = from; at < from + k; at++) {
      const item = rankings.items[at]!;
      if (item === 0) break;
      yield item;
    }
  }
}
