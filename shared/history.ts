/**
 * A user, as every model knows one: the items they interacted with, oldest first. Parallel arrays of equal
 * length, so that a thousand-event history costs three allocations.
 */
export interface History {
  /** Item indices, 1…rows−1; 0 is padding and does not occur. */
  readonly items: Int32Array;
  /** Unix seconds; 0 where the time is not known. Non-decreasing where known. */
  readonly times: Float64Array;
  /** Weight of the event's kind, as the config declares it (`purchase: 1`, `view: 0.2`, …). */
  readonly weights: Float32Array;
}

/** A history without the events that weigh nothing, which say what somebody did not want: only rankers were trained to read those. */
export const chosen = (history: History): History =>
  history.weights.includes(0) ? keep(history, (event) => history.weights[event]! > 0) : history;

/** The newest `length` events of a history. */
export function latest(history: History, length: number): History {
  if (history.items.length <= length) return history;
  return {
    items: history.items.subarray(-length),
    times: history.times.subarray(-length),
    weights: history.weights.subarray(-length),
  };
}

/** The different items of a history, the one of the newest event first. */
export const differentItems = ({ items }: History): Int32Array =>
  Int32Array.from(new Set(items.toReversed()));

/** A history without the events on `items`. */
export const without = (history: History, left: ReadonlySet<number>): History =>
  keep(history, (event) => !left.has(history.items[event]!));

function keep({ items, times, weights }: History, isKept: (event: number) => boolean): History {
  const filter = (_: number, event: number): boolean => isKept(event);
  return { items: items.filter(filter), times: times.filter(filter), weights: weights.filter(filter) };
}
