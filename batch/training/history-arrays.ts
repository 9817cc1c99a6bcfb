import { ages, positions } from '../../shared/features.ts';
import { type History, latest } from '../../shared/history.ts';
import type { Arena } from './shared-memory.ts';

/**
 * Histories of a batch laid end to end, so that nothing is padded: [events] each, and which history an event belongs to.
 * What the arrays hold is what shared/features.ts says of them.
 */
export interface HistoryArrays {
  readonly count: number;
  readonly items: Int32Array;
  readonly bags: Int32Array;
  readonly ages: Float32Array;
  readonly positions: Float32Array;
  readonly weights: Float32Array;
}

/** The newest `length` events of each history. */
export function historyArrays(histories: readonly History[], length: number, arena: Arena): HistoryArrays {
  const cut = histories.map((history) => latest(history, length));
  const events = cut.reduce((sum, { items }) => sum + items.length, 0);
  const arrays = {
    count: histories.length,
    items: arena.int32(events),
    bags: arena.int32(events),
    ages: arena.float32(events),
    positions: arena.float32(events),
    weights: arena.float32(events),
  };
  let start = 0;
  for (const [bag, history] of cut.entries()) {
    const end = start + history.items.length;
    arrays.items.set(history.items, start);
    arrays.bags.fill(bag, start, end);
    ages(history, arrays.ages.subarray(start, end));
    positions(history, arrays.positions.subarray(start, end));
    arrays.weights.set(history.weights, start);
    start = end;
  }
  return arrays;
}
