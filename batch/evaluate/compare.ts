import { DataError } from '../../shared/errors.ts';
import type { Estimate } from '../../shared/release.ts';
import { bootstrapMeans, estimate } from './bootstrap.ts';
import type { Evaluation } from './evaluation.ts';

/** Model minus baseline, with its 95 % interval. */
export interface Difference extends Estimate {
  /**
   * Two-sided achieved significance level: twice the share of resamples on the less frequent side of zero, at most 1
   * and, with B resamples, never below 2 / (B + 1).
   */
  readonly pValue: number;
}

/**
 * Paired bootstrap of the difference in every metric that both evaluations hold for each query: both models are
 * resampled on the same queries, so that what makes a query easy or hard cancels out.
 * @throws DataError when the two are not of the same queries
 */
export function compare(
  model: Evaluation,
  baseline: Evaluation,
  { samples, seed }: { readonly samples: number; readonly seed: number },
): Record<string, Difference> {
  if (model.queries !== baseline.queries || model.protocol !== baseline.protocol) {
    throw new DataError(
      `compare: expected two evaluations of the same queries, found ${model.queries} of '${model.protocol}' and ` +
        `${baseline.queries} of '${baseline.protocol}'`,
    );
  }
  const keys = Object.keys(model.perQuery).filter((key) => baseline.perQuery[key] !== undefined);
  const differences = keys.map((key) =>
    model.perQuery[key]!.map((value, query) => value - baseline.perQuery[key]![query]!),
  );
  const found = differencesOf(differences, { samples, seed });
  return Object.fromEntries(keys.map((key, c) => [key, found[c]!]));
}

/**
 * @param columns each [queries], the model's value minus the baseline's
 * @returns of each column, on the same resamples
 */
export function differencesOf(
  columns: readonly Float32Array[],
  { samples, seed }: { readonly samples: number; readonly seed: number },
): Difference[] {
  const resampled = bootstrapMeans(columns, samples, seed);
  return columns.map((values, c) => ({
    ...estimate(values, resampled[c]!),
    pValue: achievedLevel(resampled[c]!),
  }));
}

/** With the observed difference counted as one more resample (Davison & Hinkley 1997, 4.2). */
function achievedLevel(means: Float64Array): number {
  const notAbove = means.reduce((count, value) => count + (value <= 0 ? 1 : 0), 0);
  const notBelow = means.reduce((count, value) => count + (value >= 0 ? 1 : 0), 0);
  return Math.min(1, (2 * (1 + Math.min(notAbove, notBelow))) / (means.length + 1));
}
