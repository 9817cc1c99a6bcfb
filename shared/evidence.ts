import { limits } from './api.ts';
import { differentItems, type History, latest, without } from './history.ts';
import { largestWeights, type Neighbours } from './neighbours.ts';

/**
 * Which items of a history carried recommendations. All events on one item are one piece of evidence, and what it
 * contributes to a score is what the score loses without it.
 */
export interface Evidence {
  /** `exact` where a score is a sum over the history's items, else measured by leaving out one item at a time. */
  readonly method: 'exact' | 'leave-one-out';
  /** The items that were examined, the newest first. */
  readonly items: Int32Array;
  /** Different items that were read. */
  readonly different: number;
  /** Row-major [recommended items, `items`]. Comparable within a row. */
  readonly contributions: Float64Array;
}

/** Items that are left out in turn, unless a config says otherwise: each costs a run of the encoder. */
export const mostExamined = 50;
/** Events that these runs may read together. */
export const mostEventsRead = 10_000;

/** Exact, for scores by `scoreByNeighbours`: the terms of that sum. */
export function neighboursEvidence(
  { rows, width, items: neighbours, weights }: Neighbours,
  whole: History,
  recommended: Int32Array,
): Evidence {
  const history = latest(whole, limits.history);
  const items = differentItems(history);
  const largest = largestWeights(history);
  const places = new Map(Array.from(recommended, (item, place) => [item, place]));
  const contributions = new Float64Array(recommended.length * items.length);
  for (const [i, item] of items.entries()) {
    const weight = largest.get(item) ?? 0;
    if (weight === 0 || item <= 0 || item >= rows) continue;
    for (let at = item * width; at < (item + 1) * width && neighbours[at] !== 0; at++) {
      const place = places.get(neighbours[at]!);
      if (place !== undefined) contributions[place * items.length + i] = weight * weights[at]!;
    }
  }
  return { method: 'exact', items, different: items.length, contributions };
}

/** What {@link leaveOneOut} needs of an embedding artifact. */
export interface Embedded {
  /** What the encoder makes of the history: [dimensions]. */
  readonly query: Float32Array;
  /** Row-major [recommended items, dimensions]; a bias plays no part, it does not depend on the history. */
  readonly rows: Float32Array;
  encode(history: History): Promise<Float32Array>;
}

/**
 * For scores query · row: (query − query without the item) · row, one encoder run for each item that is examined, whatever
 * the number of recommended items. The newest `most` items are examined, fewer of a very long history ({@link mostEventsRead}). `history` is
 * what the encoder read, and not empty; a history of one item owes everything to it.
 * @throws what `encode` throws
 */
export async function leaveOneOut(
  history: History,
  { query, rows, encode }: Embedded,
  most = mostExamined,
): Promise<Evidence> {
  const different = differentItems(history);
  const affordable = Math.max(1, Math.floor(mostEventsRead / history.items.length));
  const items = different.subarray(0, Math.min(most, affordable));
  const dimensions = query.length;
  const recommended = rows.length / dimensions;
  const contributions = new Float64Array(recommended * items.length);
  if (different.length === 1) contributions.fill(1);
  else {
    for (const [i, item] of items.entries()) {
      const other = await encode(without(history, new Set([item])));
      for (let row = 0; row < recommended; row++) {
        let sum = 0;
        for (let d = 0, at = row * dimensions; d < dimensions; d++, at++)
          sum += (query[d]! - other[d]!) * rows[at]!;
        contributions[row * items.length + i] = sum;
      }
    }
  }
  return { method: 'leave-one-out', items, different: different.length, contributions };
}

/** An item of the history that carried a recommendation. */
export interface Carrier {
  readonly item: number;
  /** Of all that speaks for the recommended item, 0…1. */
  readonly share: number;
}

/** The items that carried the recommended item at this place most, at most `count`; none where nothing spoke for it. */
export function carriers({ items, contributions }: Evidence, place: number, count = 3): Carrier[] {
  const own = contributions.subarray(place * items.length, (place + 1) * items.length);
  const total = own.reduce((sum, contribution) => sum + Math.max(0, contribution), 0);
  return Array.from(own, (contribution, i) => ({ item: items[i]!, share: contribution / total }))
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share)
    .slice(0, count);
}
