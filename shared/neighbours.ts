import { limits } from './api.ts';
import { type History, latest } from './history.ts';

/** For each item, its neighbours and their weights. See {@link neighboursLayout} for the bytes. */
export interface Neighbours {
  readonly rows: number;
  readonly width: number;
  /** [rows · width] item indices; 0 in unused places, which come last in a row. */
  readonly items: Uint32Array;
  /** [rows · width] */
  readonly weights: Float32Array;
}

/**
 * Scores every item for a history; `out` is [rows]. Each different item of the history counts once, with the largest
 * weight among its events: score(j) = Σ weight(i) · weights[i → j], in the order in which the items first occur, in
 * float32, so that both sides get the same bits. An item that no list reaches scores −∞: it does not rank, and
 * whoever needs a longer answer fills it with popular items. Items that the table does not know are passed over; of a
 * longer history the newest `limits.history` events count, which is all that a request can bring.
 */
export function scoreByNeighbours(
  { rows, width, items, weights }: Neighbours,
  history: History,
  out: Float32Array = new Float32Array(rows),
): Float32Array {
  out.fill(Number.NEGATIVE_INFINITY);
  for (const [item, weight] of largestWeights(latest(history, limits.history))) {
    if (item <= 0 || item >= rows) continue;
    for (let at = item * width; at < (item + 1) * width; at++) {
      const neighbour = items[at]!;
      if (neighbour === 0) break;
      const score = out[neighbour]!;
      const share = weight * weights[at]!;
      out[neighbour] = score === Number.NEGATIVE_INFINITY ? share : score + share;
    }
  }
  return out;
}

/** The different items of a history, in order of first occurrence, with their largest positive weight. */
export function largestWeights(history: History): Map<number, number> {
  const largest = new Map<number, number>();
  for (let event = 0; event < history.items.length; event++) {
    const item = history.items[event]!;
    const weight = history.weights[event]!;
    if (weight > (largest.get(item) ?? 0)) largest.set(item, weight);
  }
  return largest;
}
