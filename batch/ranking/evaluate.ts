import type { Estimate } from '../../shared/release.ts';
import { quantile } from '../evaluate/bootstrap.ts';
import { seededRandom } from '../training/random.ts';
import { ascending, auc, calibrationError, rowLosses } from './metrics.ts';
import type { LabelledRows, ScoreRows } from './ranker.ts';

export const rankingMetrics = ['auc', 'logLoss', 'ece'] as const;
type MetricName = (typeof rankingMetrics)[number];

/** One model on labelled rows. */
export interface RankingEvaluation {
  readonly name: string;
  /** With 95 % intervals: percentiles over resampled users. */
  readonly metrics: Readonly<Record<MetricName, Estimate>>;
  /** [samples] each metric of each resample; models of equal seed and rows see the same resamples. */
  readonly resampled: Readonly<Record<MetricName, Float64Array>>;
}

export interface RankingBootstrap {
  readonly samples: number;
  readonly seed: number;
}

/**
 * Measures probabilities against what happened. Rows of one user depend on each other, so whole users are resampled.
 */
export async function evaluateRows(
  name: string,
  score: ScoreRows,
  rows: LabelledRows,
  { samples, seed }: RankingBootstrap,
): Promise<RankingEvaluation> {
  const predictions = { probabilities: await score(rows), labels: rows.labels };
  const order = ascending(predictions.probabilities);
  const losses = rowLosses(predictions);
  const measure = (weights?: Float32Array): Record<MetricName, number> => ({
    auc: auc(predictions, order, weights),
    logLoss: weightedMean(losses, weights),
    ece: calibrationError(predictions, order, weights),
  });
  const whole = measure();
  const resampled = {
    auc: new Float64Array(samples),
    logLoss: new Float64Array(samples),
    ece: new Float64Array(samples),
  };
  const resample = resampler(rows, seed);
  for (let sample = 0; sample < samples; sample++) {
    const found = measure(resample());
    for (const metric of rankingMetrics) resampled[metric][sample] = found[metric];
  }
  centre(resampled.ece, whole.ece);
  const estimates = rankingMetrics.map((metric) => [metric, interval(whole[metric], resampled[metric])]);
  return { name, metrics: Object.fromEntries(estimates) as Record<MetricName, Estimate>, resampled };
}

/**
 * Resampling adds noise, and noise adds to a calibration error, so that resamples lie above the value: they are moved down, in
 * place, by as much as their mean does, but not below 0.
 */
function centre(resampled: Float64Array, value: number): void {
  const excess = resampled.reduce((sum, found) => sum + found, 0) / Math.max(1, resampled.length) - value;
  for (const [sample, found] of resampled.entries()) resampled[sample] = Math.max(0, found - excess);
}

function weightedMean(values: Float32Array, weights: Float32Array | undefined): number {
  let sum = 0;
  let total = 0;
  for (let row = 0; row < values.length; row++) {
    const weight = weights === undefined ? 1 : weights[row]!;
    sum += weight * values[row]!;
    total += weight;
  }
  return sum / total;
}

/** How often each row counts when the users that have rows are drawn with replacement, as many as there are. */
function resampler({ users }: LabelledRows, seed: number): () => Float32Array {
  const random = seededRandom(seed);
  const places = new Map<number, number>();
  for (const user of users) if (!places.has(user)) places.set(user, places.size);
  const placeOf = Int32Array.from(users, (user) => places.get(user)!);
  const occurrences = new Float32Array(places.size);
  const weights = new Float32Array(users.length);
  return () => {
    occurrences.fill(0);
    for (let draw = 0; draw < occurrences.length; draw++)
      occurrences[Math.floor(random() * occurrences.length)]!++;
    for (let row = 0; row < weights.length; row++) weights[row] = occurrences[placeOf[row]!]!;
    return weights;
  };
}

/** A resample without one of the labels has no AUC, and takes no part. */
function interval(value: number, resampled: Float64Array): Estimate {
  const sorted = resampled.filter((found) => !Number.isNaN(found)).sort();
  return { value, lower: quantile(sorted, 0.025) ?? value, upper: quantile(sorted, 0.975) ?? value };
}

/** One model minus another in a metric, on the same resamples. */
export function difference(model: RankingEvaluation, rival: RankingEvaluation, metric: MetricName): Estimate {
  const value = model.metrics[metric].value - rival.metrics[metric].value;
  return interval(
    value,
    model.resampled[metric].map((found, sample) => found - rival.resampled[metric][sample]!),
  );
}
