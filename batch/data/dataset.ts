import { createHash } from 'node:crypto';
import { canonicalJson } from '../../shared/canonical-json.ts';
import type { ItemAttributes } from '../../shared/catalogue.ts';
import type { History } from '../../shared/history.ts';
import { inSharedMemory } from '../training/shared-memory.ts';

/**
 * Interaction events, columnar, grouped by user and in each user's order (oldest first, ties in source order).
 * 1M events take 16 MB. Items are numbered 1…items−1 in byte order of their ids, users 0…users−1 likewise, so that
 * numbering depends on nothing but the ids.
 */
export interface Dataset {
  readonly userIds: readonly string[];
  /** [items]; `itemIds[0]` is '', the padding item. */
  readonly itemIds: readonly string[];
  /** [items]; undefined where nothing is known of an item. Index 0 is undefined. */
  readonly attributes: readonly (ItemAttributes | undefined)[];
  /**
   * [items] words by which models know an item beside its id, sorted, each once; empty where there are none, as for
   * index 0. Absent where the config names no such column.
   */
  readonly features?: readonly (readonly string[])[];
  /** [users + 1]; the events of user u are offsets[u] … offsets[u + 1] − 1. */
  readonly offsets: Uint32Array;
  /** [events] item index. */
  readonly items: Int32Array;
  /** [events] Unix seconds, 0 where unknown. */
  readonly times: Float64Array;
  /** [events] weight of the event's kind. */
  readonly weights: Float32Array;
  /** [events] which events belong together (an invoice, a session); absent where the source has none. */
  readonly baskets?: Int32Array;
  /** Circumstances of the events; absent where the config names none. */
  readonly context?: EventContext;
}

/** Features of events beside user and item (daytime, device …). */
export interface EventContext {
  readonly names: readonly string[];
  /** Of each feature its values in byte order; value i has the number i + 1. */
  readonly values: readonly (readonly string[])[];
  /** Of each feature [events] the value's number, 0 where it is unknown. */
  readonly columns: readonly Int32Array[];
}

/** The events alone, without what users and items are called. */
export type Events = Pick<Dataset, 'offsets' | 'items' | 'times' | 'weights' | 'baskets'>;

/** The columns of a dataset's events, where a thread reads them without a copy. */
export const sharedEvents = ({ offsets, items, times, weights, baskets }: Dataset): Events => ({
  offsets: inSharedMemory(offsets),
  items: inSharedMemory(items),
  times: inSharedMemory(times),
  weights: inSharedMemory(weights),
  ...(baskets && { baskets: inSharedMemory(baskets) }),
});

/** The history of one user: views into the dataset, nothing copied. `end` cuts it short (exclusive, an event index). */
export function historyOf(dataset: Events, userIndex: number, end?: number): History {
  const from = dataset.offsets[userIndex]!;
  const to = end ?? dataset.offsets[userIndex + 1]!;
  return {
    items: dataset.items.subarray(from, to),
    times: dataset.times.subarray(from, to),
    weights: dataset.weights.subarray(from, to),
  };
}

/** The events for which `keep` holds. Users and items keep their numbers, so users without events are possible. */
export function selectEvents(dataset: Dataset, keep: (event: number) => boolean): Dataset {
  const { items, times, weights, baskets, offsets, context } = dataset;
  const kept = new Uint32Array(items.length);
  const newOffsets = new Uint32Array(offsets.length);
  let size = 0;
  for (let user = 0; user + 1 < offsets.length; user++) {
    for (let event = offsets[user]!; event < offsets[user + 1]!; event++)
      if (keep(event)) kept[size++] = event;
    newOffsets[user + 1] = size;
  }
  const chosen = kept.subarray(0, size);
  return {
    ...dataset,
    offsets: newOffsets,
    items: pick(items, chosen),
    times: pick(times, chosen),
    weights: pick(weights, chosen),
    ...(baskets === undefined ? {} : { baskets: pick(baskets, chosen) }),
    ...(context && {
      context: { ...context, columns: context.columns.map((column) => pick(column, chosen)) },
    }),
  };
}

/** Events that count as a choice: those of weight 0 are what somebody did not want. */
export const positiveEvents = (dataset: Dataset): Dataset =>
  dataset.weights.includes(0) ? selectEvents(dataset, (event) => dataset.weights[event]! > 0) : dataset;

/** The column's values at `events`, in memory that other threads can read: a training's input may be made there. */
function pick<T extends Int32Array | Float32Array | Float64Array>(column: T, events: Uint32Array): T {
  const Column = column.constructor as new (buffer: SharedArrayBuffer) => T;
  const picked = new Column(new SharedArrayBuffer(events.length * column.BYTES_PER_ELEMENT));
  for (let at = 0; at < events.length; at++) picked[at] = column[events[at]!]!;
  return picked;
}

/** The same events without the users that have none; the users after them move up. */
export function withoutEmptyUsers(dataset: Dataset): Dataset {
  const { offsets } = dataset;
  const userIds = dataset.userIds.filter((_, user) => offsets[user + 1]! > offsets[user]!);
  const ends = offsets.filter((offset, user) => user > 0 && offset > offsets[user - 1]!);
  const newOffsets = new Uint32Array(ends.length + 1);
  newOffsets.set(ends, 1);
  return { ...dataset, userIds, offsets: newOffsets };
}

/**
 * A dataset's events in the numbering of another one; those of users or items that the other does not have are left
 * out. Users without events are possible.
 */
export function alignTo(reference: Dataset, dataset: Dataset): Dataset {
  const userNumbers = new Map(reference.userIds.map((userId, number) => [userId, number]));
  const itemNumbers = new Map(reference.itemIds.map((itemId, number) => [itemId, number]));
  const users = dataset.userIds.map((userId) => userNumbers.get(userId) ?? -1);
  const items = dataset.itemIds.map((itemId) => itemNumbers.get(itemId) ?? 0);
  const userOf = new Int32Array(dataset.items.length);
  for (const [user, number] of users.entries()) {
    userOf.fill(number, dataset.offsets[user], dataset.offsets[user + 1]);
  }
  const known = selectEvents(dataset, (event) => userOf[event]! >= 0 && items[dataset.items[event]!]! > 0);
  const offsets = new Uint32Array(reference.userIds.length + 1);
  for (const [user, number] of users.entries()) {
    if (number >= 0) offsets[number + 1] = known.offsets[user + 1]! - known.offsets[user]!;
  }
  for (let user = 0; user + 1 < offsets.length; user++) offsets[user + 1]! += offsets[user]!;
  const { userIds, itemIds, attributes, features } = reference;
  const { features: _, ...events } = known;
  return {
    ...events,
    ...{ userIds, itemIds, attributes, offsets, items: events.items.map((item) => items[item]!) },
    ...(features && { features }),
  };
}

/** sha256 over every column of a dataset, in order. */
export function fingerprintOf(dataset: Dataset): string {
  const hash = createHash('sha256');
  for (const ids of [dataset.userIds, dataset.itemIds, dataset.attributes]) hash.update(canonicalJson(ids));
  if (dataset.features !== undefined) hash.update(canonicalJson(dataset.features));
  const { offsets, items, times, weights, baskets, context } = dataset;
  if (context !== undefined) hash.update(canonicalJson([context.names, context.values]));
  for (const column of [
    offsets,
    items,
    times,
    weights,
    ...(baskets === undefined ? [] : [baskets]),
    ...(context?.columns ?? []),
  ]) {
    hash.update(`${column.constructor.name} ${column.length}`);
    hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  }
  return hash.digest('hex');
}
