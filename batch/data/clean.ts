import type { DataConfig } from '../config.ts';
import type { Dataset } from './dataset.ts';
import type { NumberedEvents } from './numbering.ts';

export interface CleaningRules
  extends Pick<DataConfig, 'repeats' | 'minimumUserEvents' | 'minimumItemEvents'> {
  /** [kinds] weight of each kind. */
  readonly weights: Float32Array;
}

/** Events left out by each rule. */
export interface Cleaned {
  readonly dataset: Dataset;
  readonly repeats: number;
  readonly tooFew: number;
}

/** Applies the config's rules to sorted events and numbers what is left anew, without gaps. */
export function cleanEvents(events: NumberedEvents, rules: CleaningRules): Cleaned {
  const keep = new Uint8Array(events.items.length).fill(1);
  const repeats = rules.repeats === 'keep' ? 0 : dropRepeats(events, rules.repeats, keep);
  const tooFew = dropRare(events, rules.minimumUserEvents, rules.minimumItemEvents, keep);
  return { dataset: compact(events, rules, keep), repeats, tooFew };
}

/** Of a user's events on one item keeps the first or the last. */
function dropRepeats(events: NumberedEvents, which: 'first' | 'last', keep: Uint8Array): number {
  const { users, items } = events;
  const seenBy = new Int32Array(events.itemIds.length).fill(-1);
  let dropped = 0;
  const visit = (event: number): void => {
    if (seenBy[items[event]!] === users[event]) {
      keep[event] = 0;
      dropped++;
    }
    seenBy[items[event]!] = users[event]!;
  };
  if (which === 'first') for (let event = 0; event < items.length; event++) visit(event);
  else for (let event = items.length - 1; event >= 0; event--) visit(event);
  return dropped;
}

/** k-core: drops users and items with too few events until every one left has enough. */
function dropRare(
  events: NumberedEvents,
  leastOfUser: number,
  leastOfItem: number,
  keep: Uint8Array,
): number {
  const { users, items } = events;
  const ofUser = new Uint32Array(events.userIds.length);
  const ofItem = new Uint32Array(events.itemIds.length);
  let total = 0;
  for (let changed = leastOfUser > 1 || leastOfItem > 1; changed; ) {
    ofUser.fill(0);
    ofItem.fill(0);
    for (let event = 0; event < items.length; event++) {
      if (keep[event] === 0) continue;
      ofUser[users[event]!]!++;
      ofItem[items[event]!]!++;
    }
    changed = false;
    for (let event = 0; event < items.length; event++) {
      if (keep[event] === 0) continue;
      if (ofUser[users[event]!]! >= leastOfUser && ofItem[items[event]!]! >= leastOfItem) continue;
      keep[event] = 0;
      total++;
      changed = true;
    }
  }
  return total;
}

/** The kept events as a dataset whose users and items all have events. */
function compact(events: NumberedEvents, rules: CleaningRules, keep: Uint8Array): Dataset {
  const users = renumber(events.users, keep, events.userIds, 0);
  const items = renumber(events.items, keep, events.itemIds, 1);
  const size = keep.reduce((sum, kept) => sum + kept, 0);
  const offsets = new Uint32Array(users.ids.length + 1);
  const columns = {
    items: new Int32Array(size),
    times: new Float64Array(size),
    weights: new Float32Array(size),
  };
  const context = events.context?.columns.map(() => new Int32Array(size)) ?? [];
  let at = 0;
  for (let event = 0; event < keep.length; event++) {
    if (keep[event] === 0) continue;
    columns.items[at] = items.numbers[events.items[event]!]!;
    columns.times[at] = events.times[event]!;
    columns.weights[at] = rules.weights[events.kinds[event]!]!;
    for (const [c, column] of context.entries()) column[at] = events.context!.columns[c]![event]!;
    at++;
    offsets[users.numbers[events.users[event]!]! + 1] = at;
  }
  return {
    userIds: users.ids,
    itemIds: items.ids,
    attributes: items.ids.map(() => undefined),
    offsets,
    ...columns,
    ...(events.baskets ? { baskets: numberBaskets(events, events.baskets, keep, size) } : {}),
    ...(events.context && { context: { ...events.context, columns: context } }),
  };
}

/** Numbers the ids that occur in kept events, in their order; `reserved` ids in front always stay. */
function renumber(
  column: Int32Array,
  keep: Uint8Array,
  ids: readonly string[],
  reserved: number,
): { ids: string[]; numbers: Int32Array } {
  const occurs = new Uint8Array(ids.length).fill(1, 0, reserved);
  for (let event = 0; event < keep.length; event++) if (keep[event] === 1) occurs[column[event]!] = 1;
  const numbers = new Int32Array(ids.length);
  const kept: string[] = [];
  for (const [old, id] of ids.entries()) if (occurs[old] === 1) numbers[old] = kept.push(id) - 1;
  return { ids: kept, numbers };
}

/** Baskets in order of first appearance; an event without one is a basket by itself. */
function numberBaskets(
  events: NumberedEvents,
  ids: Float64Array,
  keep: Uint8Array,
  size: number,
): Int32Array {
  const baskets = new Int32Array(size);
  const known = new Map<number, number>();
  let user = -1;
  let next = 0;
  let at = 0;
  for (let event = 0; event < keep.length; event++) {
    if (keep[event] === 0) continue;
    if (events.users[event] !== user) {
      user = events.users[event]!;
      known.clear();
    }
    const id = ids[event]!;
    let number = Number.isNaN(id) ? undefined : known.get(id);
    if (number === undefined) {
      number = next++;
      if (!Number.isNaN(id)) known.set(id, number);
    }
    baskets[at++] = number;
  }
  return baskets;
}
