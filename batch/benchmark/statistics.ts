import type { Estimate } from '../../shared/release.ts';

/** 97.5th percentiles of Student's t distribution with 1, 2, … degrees of freedom. */
const t = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
] as const;

/** As many as there are percentiles for. */
export const maximumSeeds = t.length + 1;

/**
 * Mean with its 95 % interval, by Student's t: what other seeds would give, of the same data and queries. One value says nothing of
 * others: both ends are the mean.
 */
export function overSeeds(values: readonly number[]): Estimate {
  const count = values.length;
  const value = values.reduce((sum, each) => sum + each, 0) / count;
  if (count < 2) return { value, lower: value, upper: value };
  const variance = values.reduce((sum, each) => sum + (each - value) ** 2, 0) / (count - 1);
  const half = t[count - 2]! * Math.sqrt(variance / count);
  return { value, lower: value - half, upper: value + half };
}
