import type { DataConfig, QualityThresholds } from '../../config.ts';
import type { Cleaned } from '../clean.ts';
import type { Dataset } from '../dataset.ts';
import type { NumberedEvents } from '../numbering.ts';
import type { QualityCheck } from '../quality.ts';
import { count, graded, isoTime, noted, ofAll, share } from './checks.ts';

/** Rows that repeat another one's user, item, time and kind; counted before the config's rules apply. */
export function duplicateCheck(events: NumberedEvents, kinds: number, threshold: number): QualityCheck {
  const { users, items, times } = events;
  const seenIn = new Int32Array(events.itemIds.length * kinds).fill(-1);
  let moment = -1;
  let found = 0;
  // In another context the same choice is another event.
  const contexts = new Map<number, Set<string>>();
  const contextOf = (event: number): string =>
    events.context?.columns.map((column) => column[event]).join() ?? '';
  const isSeen = (event: number, key: number): boolean =>
    events.context === undefined || contexts.get(key)?.has(contextOf(event)) === true;
  const samples: { userId: string; itemId: string; time: string }[] = [];
  for (let event = 0; event < items.length; event++) {
    if (event === 0 || users[event] !== users[event - 1] || times[event] !== times[event - 1]) {
      moment = event;
      contexts.clear();
    }
    const key = items[event]! * kinds + events.kinds[event]!;
    if (seenIn[key] === moment && isSeen(event, key)) {
      found++;
      if (samples.length < 3) {
        samples.push({
          userId: events.userIds[users[event]!]!,
          itemId: events.itemIds[items[event]!]!,
          time: isoTime(times[event]!),
        });
      }
    }
    seenIn[key] = moment;
    if (events.context) contexts.set(key, (contexts.get(key) ?? new Set()).add(contextOf(event)));
  }
  return graded(
    'duplicates',
    { value: share(found, items.length), threshold, warnAbove: 0.01 },
    `${ofAll(found, items.length, 'events')} repeat another of the same user, item, time${events.context ? ', context' : ''} and kind`,
    samples,
  );
}

/** What the config's own rules left out. */
export const ruleChecks = ({ repeats, tooFew }: Cleaned, events: number): QualityCheck[] => [
  ...(repeats > 0
    ? [
        noted(
          'repeats',
          share(repeats, events),
          `${ofAll(repeats, events, 'events')} repeat an item of their user`,
        ),
      ]
    : []),
  ...(tooFew > 0
    ? [
        noted(
          'too few events',
          share(tooFew, events),
          `${ofAll(tooFew, events, 'events')} are of users or items with too few`,
        ),
      ]
    : []),
];

/** More events than this within a day are not a person's. */
const personalEventsPerDay = 1_000;
const secondsPerDay = 86_400;

/** One user's share of everything, and users whose busiest 24 hours no person could have. */
export function userChecks(
  dataset: Dataset,
  hasTime: boolean,
  thresholds: QualityThresholds,
): QualityCheck[] {
  const { offsets, times, userIds } = dataset;
  const machines: { userId: string; events: number; busiestDay: number }[] = [];
  let largest = 0;
  for (let user = 0; user < userIds.length; user++) {
    const from = offsets[user]!;
    const to = offsets[user + 1]!;
    if (to - from > offsets[largest + 1]! - offsets[largest]!) largest = user;
    if (!hasTime || to - from <= personalEventsPerDay) continue;
    const busiestDay = busiest(times, from, to);
    if (busiestDay > personalEventsPerDay)
      machines.push({ userId: userIds[user]!, events: to - from, busiestDay });
  }
  machines.sort((a, b) => b.busiestDay - a.busiestDay);
  const top = userIds.length === 0 ? 0 : offsets[largest + 1]! - offsets[largest]!;
  return [
    graded(
      'largest user',
      {
        value: share(top, times.length),
        threshold: thresholds.userShare,
        warnAbove: thresholds.userShare / 2,
      },
      `user ${userIds[largest] ?? '(none)'} has ${ofAll(top, times.length, 'events')}`,
    ),
    graded(
      'machine-like users',
      { value: share(machines.length, userIds.length) },
      `${ofAll(machines.length, userIds.length, 'users')} have more than ${count(personalEventsPerDay)} events within 24 hours`,
      machines.slice(0, 5),
    ),
  ];
}

/** The most events within 24 hours. */
function busiest(times: Float64Array, from: number, to: number): number {
  let most = 0;
  for (let start = from, end = from; end < to; end++) {
    while (times[end]! - times[start]! >= secondsPerDay) start++;
    most = Math.max(most, end - start + 1);
  }
  return most;
}

/** Too little to learn from. */
export function sizeChecks(
  { dataset, tooFew }: Cleaned,
  { quality: thresholds, minimumUserEvents, minimumItemEvents }: DataConfig,
): QualityCheck[] {
  const because =
    tooFew === 0
      ? ''
      : `; minimumUserEvents: ${minimumUserEvents} and minimumItemEvents: ${minimumItemEvents} left out ${count(tooFew)} events`;
  const sizes = [
    ['events', dataset.items.length, thresholds.minimumEvents],
    ['users', dataset.userIds.length, thresholds.minimumUsers],
    ['items', dataset.itemIds.length - 1, thresholds.minimumItems],
  ] as const;
  return sizes.map(([noun, found, least]) => ({
    name: `number of ${noun}`,
    severity: found < least ? 'error' : 'ok',
    message: `${count(found)} ${noun} are left, at least ${count(least)} are needed${found < least ? because : ''}`,
    value: found,
    threshold: least,
  }));
}
