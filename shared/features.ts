import type { History } from './history.ts';

/**
 * What a query encoder can be given about a history of length L, besides the gathered rows. The names are
 * ONNX input names; the manifest lists those which an encoder takes. Training and serving both call these
 * functions, so the two cannot drift apart.
 *
 * - `rows`      float32 [1, L, D]  rows of the release's history table, oldest first
 * - `ages`      float32 [1, L]     log(1 + days between this event and the newest), 0 where time is unknown
 * - `weights`   float32 [1, L]     weight of the event's kind
 * - `positions` float32 [1, L]     steps from the newest event: L−1, …, 1, 0
 * - `itemWeights` float32 [1, L]   at the newest event on each different item its largest weight, 0 at its others
 */
export const encoderInputs = ['rows', 'ages', 'weights', 'positions', 'itemWeights'] as const;
export type EncoderInput = (typeof encoderInputs)[number];

/**
 * What a ranker can be given about C candidates for a history of length L ≥ 1, by ONNX input name. An empty history is one
 * padding event: a row of zeros, `present` 0.
 *
 * - `candidates` float32 [C, D]    rows of the ranker's item table
 * - `rows`       float32 [1, L, D] rows of the same table for the history, oldest first
 * - `present`    float32 [1, L]    1 for an event, 0 for padding
 * - `ages`, `weights`, `positions` as an encoder's
 * - `context`    int32 [1, F]      number of each context feature's value, in the manifest's order; 0 where it is unknown
 *
 * Its one output is `probability`, float32 [C]: calibrated, of the event that it was trained on.
 */
export const rankerInputs = [
  'candidates',
  'rows',
  'present',
  'ages',
  'weights',
  'positions',
  'context',
] as const;
export type RankerInput = (typeof rankerInputs)[number];

const secondsPerDay = 86_400;

/** Fills `out[0…L)` with the age of each event: log(1 + days before the newest event of known time). */
export function ages(
  history: History,
  out: Float32Array = new Float32Array(history.times.length),
): Float32Array {
  const { times } = history;
  let newest = 0;
  for (let i = 0; i < times.length; i++) newest = Math.max(newest, times[i]!);
  for (let i = 0; i < times.length; i++) {
    const time = times[i]!;
    out[i] = time > 0 ? Math.log1p((newest - time) / secondsPerDay) : 0;
  }
  return out;
}

/** Fills `out[0…L)` with L−1, …, 1, 0. */
export function positions(
  history: History,
  out: Float32Array = new Float32Array(history.items.length),
): Float32Array {
  const last = history.items.length - 1;
  for (let i = 0; i <= last; i++) out[i] = last - i;
  return out;
}

/**
 * Fills `out[0…L)` with the history as a set: at the newest event on each different item the largest weight of all events on
 * it, at its other events 0.
 */
export function itemWeights({ items, weights }: History, out = new Float32Array(items.length)): Float32Array {
  const newest = new Map<number, number>();
  for (let i = items.length - 1; i >= 0; i--) {
    const at = newest.get(items[i]!);
    if (at === undefined) newest.set(items[i]!, i);
    out[i] = at === undefined ? weights[i]! : 0;
    if (at !== undefined) out[at] = Math.max(out[at]!, weights[i]!);
  }
  return out;
}
