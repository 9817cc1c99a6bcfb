import type { Dataset } from '../data/dataset.ts';
import type { Random } from './random.ts';

/** What is to be predicted: items that the history has not yet, or any. */
export type Targets = 'new' | 'any';

/** Stretches of histories: window w reads events starts[w] … ends[w] − 1 (dataset indices), each of which has a successor. */
export interface Windows {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly users: Int32Array;
  /** [events] 1 for what is to be predicted: events with weight, with `new` the first on an item. */
  readonly wanted: Uint8Array;
}

/**
 * Windows of at most `length` events that tile every history: each event but the last is read once and predicts the next. Tiles are
 * laid from the end, so that a user's first window is the short one. Windows without anything to predict are left out.
 */
export function tileWindows(dataset: Dataset, length: number, targets: Targets): Windows {
  const { offsets } = dataset;
  const wanted = wantedEvents(dataset, targets);
  const starts: number[] = [];
  const ends: number[] = [];
  const users: number[] = [];
  for (let user = 0; user + 1 < offsets.length; user++) {
    const begin = offsets[user]!;
    for (let end = offsets[user + 1]! - 1; end > begin; end -= length) {
      const start = Math.max(begin, end - length);
      if (!wanted.subarray(start + 1, end + 1).includes(1)) continue;
      starts.push(start);
      ends.push(end);
      users.push(user);
    }
  }
  return {
    starts: Int32Array.from(starts),
    ends: Int32Array.from(ends),
    users: Int32Array.from(users),
    wanted,
  };
}

function wantedEvents({ offsets, items, weights, itemIds }: Dataset, targets: Targets): Uint8Array {
  const wanted = new Uint8Array(items.length);
  const seenBy = new Int32Array(itemIds.length).fill(-1);
  for (let user = 0; user + 1 < offsets.length; user++) {
    for (let event = offsets[user]!; event < offsets[user + 1]!; event++) {
      const item = items[event]!;
      if (weights[event]! > 0 && (targets === 'any' || seenBy[item] !== user)) wanted[event] = 1;
      seenBy[item] = user;
    }
  }
  return wanted;
}

/** Numbers 0 … count − 1 in a drawn order (Fisher and Yates). */
function drawnOrder(count: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = 0; i + 1 < count; i++) {
    const other = i + Math.floor(random() * (count - i));
    const value = order[i]!;
    order[i] = order[other]!;
    order[other] = value;
  }
  return order;
}

/** Steps among which windows are dealt by their length. */
const stepsDealt = 8;

/**
 * The windows of each of `steps` steps of an epoch, at most one step for each window: in a drawn order, but those of a step are
 * about equally long, so that little is padded, and the steps of about equally many events.
 */
export function dealWindows({ starts, ends }: Windows, steps: number, random: Random): Int32Array[] {
  const order = drawnOrder(starts.length, random);
  const lengthOf = (window: number): number => ends[window]! - starts[window]!;
  const groups = Math.ceil(steps / stepsDealt);
  return Array.from({ length: groups }, (_, group) => {
    const share = (of: number, at: number): number => Math.floor((at * of) / groups);
    const own = order.slice(share(order.length, group), share(order.length, group + 1));
    own.sort((a, b) => lengthOf(b) - lengthOf(a));
    const dealt = cutEvenly(own, share(steps, group + 1) - share(steps, group), lengthOf);
    return Array.from(drawnOrder(dealt.length, random), (step) => dealt[step]!);
  }).flat();
}

/** Cuts windows, the longest first, into `parts` runs of about as many events, none of them empty. */
function cutEvenly(windows: Int32Array, parts: number, lengthOf: (window: number) => number): Int32Array[] {
  let remaining = windows.reduce((sum, window) => sum + lengthOf(window), 0);
  let start = 0;
  return Array.from({ length: parts }, (_, part) => {
    const wanted = remaining / (parts - part);
    let events = 0;
    let end = start;
    while (end < windows.length - (parts - part - 1) && events < wanted) events += lengthOf(windows[end++]!);
    remaining -= events;
    const run = windows.slice(start, end);
    start = end;
    return run;
  });
}

/** Windows of one step, time-major and left-aligned: place t · count + w holds event t of window w, 0 (padding) past its end. */
export interface WindowBatch {
  readonly count: number;
  /** That of the longest window. */
  readonly length: number;
  /** [length · count] */
  readonly items: Int32Array;
  readonly weights: Float32Array;
  /** Places that have something to predict, in ascending order of the window and then of time. */
  readonly places: Int32Array;
  /** [places] the item that came next, and what it counts. */
  readonly targets: Int32Array;
  readonly targetWeights: Float32Array;
  /** Distinct items of the history up to and with place i: known[knownEnds[i − 1] … knownEnds[i] − 1]. */
  readonly known: Int32Array;
  readonly knownEnds: Int32Array;
}

/** Lays windows out; with `any` nothing is known, so that everything takes part in every prediction. */
export function windowBatch(
  dataset: Dataset,
  { starts, ends, users, wanted }: Windows,
  chosen: Int32Array,
  kind: Targets,
): WindowBatch {
  const count = chosen.length;
  const length = chosen.reduce((most, window) => Math.max(most, ends[window]! - starts[window]!), 0);
  const items = new Int32Array(length * count);
  const weights = new Float32Array(length * count);
  const places: number[] = [];
  const targets: number[] = [];
  const targetWeights: number[] = [];
  const known: number[] = [];
  const knownEnds: number[] = [];
  for (const [column, window] of chosen.entries()) {
    const start = starts[window]!;
    const end = ends[window]!;
    const seen = new Set<number>(
      kind === 'new' ? dataset.items.subarray(dataset.offsets[users[window]!]!, start) : [],
    );
    for (let event = start; event < end; event++) {
      const place = (event - start) * count + column;
      items[place] = dataset.items[event]!;
      weights[place] = dataset.weights[event]!;
      if (kind === 'new') seen.add(dataset.items[event]!);
      if (wanted[event + 1] === 0) continue;
      places.push(place);
      targets.push(dataset.items[event + 1]!);
      targetWeights.push(dataset.weights[event + 1]!);
      for (const item of seen) known.push(item);
      knownEnds.push(known.length);
    }
  }
  return {
    count,
    length,
    items,
    weights,
    places: Int32Array.from(places),
    targets: Int32Array.from(targets),
    targetWeights: Float32Array.from(targetWeights),
    known: Int32Array.from(known),
    knownEnds: Int32Array.from(knownEnds),
  };
}
