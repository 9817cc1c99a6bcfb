import type { Dataset, Events } from '../data/dataset.ts';
import type { Marks } from './marks.ts';
import { type Random, shuffled } from './random.ts';
import { type Arena, shared } from './shared-memory.ts';

/** What is to be predicted: items that the history has not yet, or any. */
export type Targets = 'new' | 'any';

/** Stretches of histories: window w reads events starts[w] … ends[w] − 1 (dataset indices), each of which has a successor. In shared memory. */
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
    starts: shared(Int32Array.from(starts)),
    ends: shared(Int32Array.from(ends)),
    users: shared(Int32Array.from(users)),
    wanted: shared(wanted),
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

/** Steps among which windows are dealt by their length. */
const stepsDealt = 8;

/**
 * The windows of each of `steps` steps of an epoch, at most one step for each window: in a drawn order, but those of a step are
 * about equally long, so that little is padded, and the steps of about equally many events.
 */
export function dealWindows({ starts, ends }: Windows, steps: number, random: Random): Int32Array[] {
  const order = shuffled(starts.length, random);
  const lengthOf = (window: number): number => ends[window]! - starts[window]!;
  const groups = Math.ceil(steps / stepsDealt);
  return Array.from({ length: groups }, (_, group) => {
    const share = (of: number, at: number): number => Math.floor((at * of) / groups);
    const own = order.slice(share(order.length, group), share(order.length, group + 1));
    own.sort((a, b) => lengthOf(b) - lengthOf(a));
    const dealt = cutEvenly(own, share(steps, group + 1) - share(steps, group), lengthOf);
    return Array.from(shuffled(dealt.length, random), (step) => dealt[step]!);
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
  /**
   * What takes no part in predicting from place i is known[knownStarts[i]] … known[knownEnds[i] − 1]: the padding and the distinct items
   * of the history up to and with it. A window's places share a start.
   */
  readonly known: Int32Array;
  readonly knownStarts: Int32Array;
  readonly knownEnds: Int32Array;
}

/**
 * Lays windows out; with `any` nothing is known but the padding, so that everything takes part in every prediction.
 * @param marks of all items
 */
export function windowBatch(
  events: Events,
  { starts, ends, users, wanted }: Windows,
  chosen: Int32Array,
  kind: Targets,
  marks: Marks,
  arena: Arena,
): WindowBatch {
  const count = chosen.length;
  let [length, most, history] = [0, 0, 0];
  for (const window of chosen) {
    length = Math.max(length, ends[window]! - starts[window]!);
    most += ends[window]! - starts[window]!;
    history += 1 + ends[window]! - events.offsets[users[window]!]!;
  }
  const items = arena.int32(length * count).fill(0);
  const weights = arena.float32(length * count).fill(0);
  const [places, targets, targetWeights] = [arena.int32(most), arena.int32(most), arena.float32(most)];
  const [known, knownStarts, knownEnds] = [arena.int32(history), arena.int32(most), arena.int32(most)];
  let place = 0;
  let knows = 0;
  for (let column = 0; column < count; column++) {
    const window = chosen[column]!;
    const start = starts[window]!;
    const first = knows;
    marks.clear();
    known[knows++] = 0;
    const from = kind === 'new' ? events.offsets[users[window]!]! : start;
    for (let event = from; event < ends[window]!; event++) {
      const item = events.items[event]!;
      if (kind === 'new' && marks.add(item)) known[knows++] = item;
      if (event < start) continue;
      const at = (event - start) * count + column;
      items[at] = item;
      weights[at] = events.weights[event]!;
      if (wanted[event + 1] === 0) continue;
      places[place] = at;
      targets[place] = events.items[event + 1]!;
      targetWeights[place] = events.weights[event + 1]!;
      knownStarts[place] = first;
      knownEnds[place++] = knows;
    }
  }
  return {
    count,
    length,
    items,
    weights,
    places: places.subarray(0, place),
    targets: targets.subarray(0, place),
    targetWeights: targetWeights.subarray(0, place),
    known: known.subarray(0, knows),
    knownStarts: knownStarts.subarray(0, place),
    knownEnds: knownEnds.subarray(0, place),
  };
}
