import { type History, latest } from './history.ts';

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

/** What a network receives under one input's name, row-major: float32 or int32. */
export interface FeatureTensor {
  readonly data: Float32Array | Int32Array;
  readonly dimensions: readonly number[];
}

/** What a ranker is asked: how likely each of these items is, for somebody with this history, in this context. */
export interface RankerQuestion {
  /** Possibly empty. */
  readonly history: History;
  /** [C] item indices, at least one. */
  readonly candidates: Int32Array;
  /** [F], see {@link contextNumbers}. */
  readonly context: Int32Array;
}

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

/** The number of each context feature's value: its place among the declared ones from 1 on, 0 where it is none of them. */
export const contextNumbers = (
  features: readonly { readonly name: string; readonly values: readonly string[] }[],
  context: Readonly<Record<string, string>>,
): Int32Array =>
  Int32Array.from(features, ({ name, values }) =>
    Object.hasOwn(context, name) ? values.indexOf(context[name]!) + 1 : 0,
  );

/** One padding event: what a ranker receives in place of an empty history. */
const padding: History = {
  items: new Int32Array(1),
  times: new Float64Array(1),
  weights: new Float32Array(1),
};

/**
 * The inputs that a ranker takes, for one question; of a longer history the newest `maxHistory` events. `gather` yields the
 * listed rows of the ranker's item table, float32 [items, D]; row 0 is zeros.
 */
export function rankerFeatures(
  { inputs, maxHistory }: { readonly inputs: readonly RankerInput[]; readonly maxHistory: number },
  question: RankerQuestion,
  gather: (items: Int32Array) => Float32Array,
): Partial<Record<RankerInput, FeatureTensor>> {
  const { candidates, context } = question;
  const present = question.history.items.length > 0;
  const history = present ? latest(question.history, maxHistory) : padding;
  const length = history.items.length;
  const sequence = (data: Float32Array): FeatureTensor => ({ data, dimensions: [1, length] });
  const gathered = (items: Int32Array, batch: readonly number[]): FeatureTensor => {
    const data = gather(items);
    return { data, dimensions: [...batch, items.length, data.length / items.length] };
  };
  const features: Readonly<Record<RankerInput, () => FeatureTensor>> = {
    candidates: () => gathered(candidates, []),
    rows: () => gathered(history.items, [1]),
    present: () => sequence(new Float32Array(length).fill(Number(present))),
    ages: () => sequence(ages(history)),
    weights: () => sequence(history.weights),
    positions: () => sequence(positions(history)),
    context: () => ({ data: context, dimensions: [1, context.length] }),
  };
  return Object.fromEntries(inputs.map((name) => [name, features[name]()]));
}
