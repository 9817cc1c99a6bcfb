import type { Estimate } from '../../shared/release.ts';
import { seededRandom } from '../training/random.ts';

/**
 * Means of resamples with replacement (Efron 1979), of several value columns over the same units: every column sees
 * the same resamples, and so do calls with equal `samples`, `seed` and number of units, which is what makes
 * differences between them paired. One pass draws how often each unit occurs, then each column costs one dot product.
 * @param columns each [units]
 * @returns for each column, [samples] means
 */
export function bootstrapMeans(
  columns: readonly Float32Array[],
  samples: number,
  seed: number,
): Float64Array[] {
  const units = columns[0]?.length ?? 0;
  const means = columns.map(() => new Float64Array(samples));
  const random = seededRandom(seed);
  const occurrences = new Float32Array(units);
  for (let sample = 0; sample < samples && units > 0; sample++) {
    occurrences.fill(0);
    for (let draw = 0; draw < units; draw++) occurrences[Math.floor(random() * units)]!++;
    for (const [c, values] of columns.entries()) means[c]![sample] = dot(occurrences, values) / units;
  }
  return means;
}

/** Mean with the 2.5th and 97.5th percentile of its resampled means; without resamples, both ends are the mean. */
export function estimate(values: Float32Array, resampled: Float64Array): Estimate {
  const value = mean(values);
  const sorted = resampled.toSorted();
  return { value, lower: quantile(sorted, 0.025) ?? value, upper: quantile(sorted, 0.975) ?? value };
}

export function mean(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return values.length === 0 ? 0 : sum / values.length;
}

/** Linear interpolation between order statistics (type 7 of Hyndman & Fan 1996). */
export function quantile(sorted: ArrayLike<number>, share: number): number | undefined {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)];
  if (below === undefined) return undefined;
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at));
}

function dot(a: Float32Array, b: Float32Array): number {
  let even = 0;
  let odd = 0;
  const paired = a.length & ~1;
  for (let i = 0; i < paired; i += 2) {
    even += a[i]! * b[i]!;
    odd += a[i + 1]! * b[i + 1]!;
  }
  if (paired < a.length) even += a[paired]! * b[paired]!;
  return even + odd;
}
