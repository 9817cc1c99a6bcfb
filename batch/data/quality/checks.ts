import type { QualityCheck, Sample } from '../quality.ts';

/** A check of a share, which is an error above its threshold, and a warning above `warnAbove`. */
export function graded(
  name: string,
  { value, threshold, warnAbove = 0 }: { value: number; threshold?: number; warnAbove?: number },
  message: string,
  samples: readonly Sample[] = [],
): QualityCheck {
  const isError = threshold !== undefined && value > threshold;
  return {
    name,
    severity: isError ? 'error' : value > warnAbove ? 'warning' : 'ok',
    message: isError ? `${message}; the limit is ${percent(threshold)}` : message,
    value,
    ...(threshold === undefined ? {} : { threshold }),
    ...(samples.length === 0 ? {} : { samples }),
  };
}

/** A check that only informs. */
export const noted = (
  name: string,
  value: number,
  message: string,
  samples: readonly Sample[] = [],
): QualityCheck => ({
  name,
  severity: 'ok',
  message,
  value,
  ...(samples.length === 0 ? {} : { samples }),
});

export const count = (number: number): string => number.toLocaleString('en-GB', { maximumFractionDigits: 0 });

/** `24.9 %`; small shares keep two digits. */
export const percent = (share: number): string =>
  `${(share * 100).toLocaleString('en-GB', { maximumSignificantDigits: share < 0.1 ? 2 : 3 })} %`;

/** `135,080 of 541,909 rows (24.9 %)` */
export const ofAll = (part: number, all: number, noun: string): string =>
  `${count(part)} of ${count(all)} ${noun} (${percent(share(part, all))})`;

export const share = (part: number, all: number): number => (all === 0 ? 0 : part / all);

/** Unix seconds as ISO 8601. */
export const isoTime = (seconds: number): string =>
  Number.isFinite(seconds * 1000) && Math.abs(seconds) < 8.64e12
    ? new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
    : String(seconds);
