import type { History } from '../../shared/history.ts';
import { type Dataset, type Events, historyOf } from '../data/dataset.ts';
import { type Random, seededRandom } from './random.ts';
import { shared } from './shared-memory.ts';

/** What came next: a history, and the items that the user then chose, distinct. */
export interface Example {
  readonly history: History;
  readonly targets: Int32Array;
  /** Unix seconds of the choice, 0 where unknown. */
  readonly time: number;
}

/** Every point at which a user's next choice is known: event `cut` (a dataset index) begins it. In shared memory. */
export interface Cuts {
  readonly users: Int32Array;
  readonly cuts: Int32Array;
}

export interface ExampleOptions {
  /** `new`: items that are already in the history are no targets. */
  readonly targets: 'new' | 'any';
  /** Points taken of one user in an epoch; another sample each epoch. */
  readonly perUser: number;
}

/** Whether event `at` starts a basket; without baskets, each event is one. */
const startsBasket = (dataset: Events, at: number): boolean =>
  dataset.baskets === undefined || dataset.baskets[at] !== dataset.baskets[at - 1];

/** End (exclusive) of the basket that starts at `cut`. */
function basketEnd(dataset: Events, user: number, cut: number): number {
  const end = dataset.offsets[user + 1]!;
  let at = cut + 1;
  while (at < end && !startsBasket(dataset, at)) at++;
  return at;
}

/** All points of a dataset at which there is a history and a target. */
export function findCuts(dataset: Dataset, targets: ExampleOptions['targets']): Cuts {
  const users: number[] = [];
  const cuts: number[] = [];
  for (let user = 0; user < dataset.userIds.length; user++) {
    const seen = new Set<number>();
    const start = dataset.offsets[user]!;
    for (let cut = start; cut < dataset.offsets[user + 1]!; ) {
      const end = basketEnd(dataset, user, cut);
      const basket = dataset.items.subarray(cut, end);
      if (cut > start && (targets === 'any' || basket.some((item) => !seen.has(item)))) {
        users.push(user);
        cuts.push(cut);
      }
      for (const item of basket) seen.add(item);
      cut = end;
    }
  }
  return { users: shared(Int32Array.from(users)), cuts: shared(Int32Array.from(cuts)) };
}

/** The example at one cut. */
export function exampleAt(
  dataset: Events,
  { users, cuts }: Cuts,
  at: number,
  targets: ExampleOptions['targets'],
): Example {
  const cut = cuts[at]!;
  const history = historyOf(dataset, users[at]!, cut);
  const basket = new Set(dataset.items.subarray(cut, basketEnd(dataset, users[at]!, cut)));
  if (targets === 'new') for (const item of history.items) basket.delete(item);
  return { history, targets: Int32Array.from(basket), time: dataset.times[cut]! };
}

/** Fisher and Yates's shuffle of the first `count` places, in place. */
export function shuffle(values: Int32Array, random: Random, count = values.length): Int32Array {
  for (let i = 0; i < count; i++) {
    const other = i + Math.floor(random() * (values.length - i));
    const value = values[i]!;
    values[i] = values[other]!;
    values[other] = value;
  }
  return values;
}

/** Streams of chance, one a purpose and number, all of one seed: no state has to be kept to repeat any of them. */
export const stream = (seed: number, purpose: keyof typeof purposes, number: number): Random =>
  seededRandom((seed >>> 0) + (4 * number + purposes[purpose]) * 2 ** 32);

const purposes = { epoch: 0, step: 1, dropout: 2 } as const;

/** Examples (indices into the cuts) of one epoch in the order in which they are trained on. */
export function epochOrder({ users }: Cuts, perUser: number, random: Random): Int32Array {
  const chosen: number[] = [];
  for (let start = 0; start < users.length; ) {
    let end = start;
    while (end < users.length && users[end] === users[start]) end++;
    const own = Int32Array.from({ length: end - start }, (_, i) => start + i);
    const count = Math.min(perUser, own.length);
    if (count < own.length) shuffle(own, random, count);
    for (let i = 0; i < count; i++) chosen.push(own[i]!);
    start = end;
  }
  return shuffle(Int32Array.from(chosen), random);
}

/** Number of examples in an epoch. */
export function epochSize({ users }: Cuts, perUser: number): number {
  let size = 0;
  let own = 0;
  for (let i = 0; i < users.length; i++) {
    own = i > 0 && users[i] === users[i - 1] ? own + 1 : 1;
    if (own <= perUser) size++;
  }
  return size;
}
