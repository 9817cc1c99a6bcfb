import type { QualityThresholds } from '../../config.ts';
import type { Dataset } from '../dataset.ts';
import type { QualityCheck } from '../quality.ts';
import { graded, isoTime, ofAll, percent, share } from './checks.ts';

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
