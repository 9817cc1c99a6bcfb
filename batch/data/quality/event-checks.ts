import type { QualityThresholds } from '../../config.ts';
import type { Cleaned } from '../clean.ts';
import type { Dataset } from '../dataset.ts';
import type { NumberedEvents } from '../numbering.ts';
import type { QualityCheck } from '../quality.ts';
import { count, graded, noted, ofAll, percent, share } from './checks.ts';

/** Rows that repeat another one's user, item, time and kind; counted before the config's rules apply. */
export function duplicateCheck(events: NumberedEvents, kinds: number, threshold: number): QualityCheck {
  const { users, items, times } = events;
  const seenIn = new Int32Array(events.itemIds.length * kinds).fill(-1);
  let moment = -1;
  let found = 0;
  const samples: { userId: string; itemId: string; time: string }[] = [];
  for (let event = 0; event < items.length; event++) {
    if (event === 0 || users[event] !== users[event - 1] || times[event] !== times[event - 1]) moment = event;
    const key = items[event]! * kinds + events.kinds[event]!;
    if (seenIn[key] === moment) {
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
  }
  return graded(
    'duplicates',
    { value: share(found, items.length), threshold, warnAbove: 0.01 },
    `${ofAll(found, items.length, 'events')} repeat another of the same user, item, time and kind`,
    samples,
  );
}

const isoTime = (seconds: number): string =>
  Number.isFinite(seconds * 1000) && Math.abs(seconds) < 8.64e12
    ? new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
    : String(seconds);

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

const early = Date.UTC(1990, 0) / 1000;

/** Times that cannot be: in the future, before computers kept shops, all the same. */
export function timeChecks(dataset: Dataset, now: number, thresholds: QualityThresholds): QualityCheck[] {
  const { times } = dataset;
  let future = 0;
  let old = 0;
  let last = 0;
  for (const time of times) {
    if (time > now) future++;
    if (time < early) old++;
    if (time > last) last = time;
  }
  const constant = commonestShare(times);
  return [
    graded(
      'future times',
      { value: share(future, times.length), threshold: thresholds.futureTimes },
      `${ofAll(future, times.length, 'events')} lie in the future${future > 0 ? `, the last on ${isoTime(last)}` : ''}`,
    ),
    graded(
      'early times',
      { value: share(old, times.length) },
      `${ofAll(old, times.length, 'events')} lie before 1990: is the unit right?`,
    ),
    graded(
      'constant time',
      { value: constant.share, warnAbove: 0.5 },
      `the commonest time, ${isoTime(constant.time)}, is that of ${percent(constant.share)} of the events`,
    ),
  ];
}

/** Of some 100,000 events, evenly drawn, the commonest time and its share. */
function commonestShare(times: Float64Array): { time: number; share: number } {
  const step = Math.ceil(times.length / 100_000) || 1;
  const drawn = times.filter((_, event) => event % step === 0).sort();
  let longest = 0;
  let time = 0;
  for (let from = 0, to = 0; from < drawn.length; from = to) {
    while (to < drawn.length && drawn[to] === drawn[from]) to++;
    if (to - from > longest) {
      longest = to - from;
      time = drawn[from]!;
    }
  }
  return { time, share: share(longest, drawn.length) };
}

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
export function sizeChecks(dataset: Dataset, thresholds: QualityThresholds): QualityCheck[] {
  const sizes = [
    ['events', dataset.items.length, thresholds.minimumEvents],
    ['users', dataset.userIds.length, thresholds.minimumUsers],
    ['items', dataset.itemIds.length - 1, thresholds.minimumItems],
  ] as const;
  return sizes.map(([noun, found, least]) => ({
    name: `number of ${noun}`,
    severity: found < least ? 'error' : 'ok',
    message: `${count(found)} ${noun} are left, at least ${count(least)} are needed`,
    value: found,
    threshold: least,
  }));
}
