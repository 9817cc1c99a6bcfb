import type { Estimate } from '../../shared/release.ts';
import type { EvaluationConfig } from '../config.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Model } from '../recommender.ts';
import { seededRandom } from '../training/random.ts';
import { bootstrapMeans, estimate, mean } from './bootstrap.ts';
import type { Evaluation, Example } from './evaluation.ts';
import { byPopularity, concentration, coverage, noveltyOf, placesPerItem, usersPerItem } from './exposure.ts';
import { type MetricAt, metricAt, metricNames, relevantRanks } from './metrics.ts';
import type { EvaluationSet } from './protocol.ts';
import { type Rankings, rank, rankingOf } from './rank.ts';
import { sliceMetric, slicingsOf } from './slices.ts';

export interface EvaluationContext {
  /** What the model was fitted on: popularity for novelty and slices, attributes for slices. */
  readonly train: Dataset;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Share of the queries that are ranked, 0…1. */
  progress?(fraction: number): void;
}

/**
 * Ranks the whole catalogue for every query and measures the rankings. Scores that are not finite never rank, equal
 * scores rank by item index. Deterministic, and paired between models: one seed, the same resamples and examples.
 * @throws the signal's reason when it is aborted
 */
export async function evaluate(
  score: Model['score'],
  set: EvaluationSet,
  config: EvaluationConfig,
  context: EvaluationContext,
): Promise<Evaluation> {
  const primary = metricAt(config.primary, config.recallDenominator);
  const cutOffs = [...new Set([...config.at, primary.k])].sort((a, b) => a - b);
  const rankings = await rank(score, set, cutOffs.at(-1)!, context);
  const users = usersPerItem(context.train);
  const perQuery = {
    ...accuracy(rankings, set, cutOffs, config),
    ...Object.fromEntries(
      cutOffs.map((k) => [
        `novelty@${k}`,
        noveltyOf(rankings, k, users, Math.max(1, context.train.userIds.length)),
      ]),
    ),
  };
  const bootstrap = { samples: config.bootstrapSamples, seed: context.seed };
  const slicings = slicingsOf(set, context.train, users, config.sliceBy);
  return {
    protocol: set.protocol,
    queries: set.queries.length,
    primary: primary.key,
    metrics: { ...estimates(perQuery, bootstrap), ...coverages(rankings, cutOffs) },
    perQuery,
    slices: sliceMetric(primary, rankings, set, slicings, bootstrap),
    exposure: concentration(placesPerItem(rankings, primary.k), byPopularity(users)),
    examples: drawExamples(rankings, set, context.seed),
  };
}

/** The mean of `config.primary` over the queries and nothing else: what early stopping asks for after every epoch. */
export async function primaryMetric(
  score: Model['score'],
  set: EvaluationSet,
  config: Pick<EvaluationConfig, 'primary' | 'recallDenominator'>,
  signal?: AbortSignal,
): Promise<number> {
  const metric = metricAt(config.primary, config.recallDenominator);
  const rankings = await rank(score, set, metric.k, { signal });
  return mean(measure([metric], rankings, set)[0]!);
}

/** [metrics][queries] */
function measure(metrics: readonly MetricAt[], rankings: Rankings, set: EvaluationSet): Float32Array[] {
  const columns = metrics.map(() => new Float32Array(set.queries.length));
  for (const [query, targets] of set.targets.entries()) {
    const ranks = relevantRanks(rankingOf(rankings, query), new Set(targets));
    for (const [m, metric] of metrics.entries()) columns[m]![query] = metric.of(ranks, targets.length);
  }
  return columns;
}

function accuracy(
  rankings: Rankings,
  set: EvaluationSet,
  cutOffs: readonly number[],
  config: EvaluationConfig,
): Record<string, Float32Array> {
  const metrics = cutOffs.flatMap((k) =>
    metricNames.map((name) => metricAt(`${name}@${k}`, config.recallDenominator)),
  );
  const columns = measure(metrics, rankings, set);
  return Object.fromEntries(metrics.map(({ key }, m) => [key, columns[m]!]));
}

function estimates(
  perQuery: Record<string, Float32Array>,
  { samples, seed }: { readonly samples: number; readonly seed: number },
): Record<string, Estimate> {
  const columns = Object.values(perQuery);
  const resampled = bootstrapMeans(columns, samples, seed);
  return Object.fromEntries(
    Object.keys(perQuery).map((key, c) => [key, estimate(columns[c]!, resampled[c]!)]),
  );
}

function coverages(rankings: Rankings, cutOffs: readonly number[]): Record<string, Estimate> {
  return Object.fromEntries(
    cutOffs.map((k) => {
      const value = coverage(rankings, k);
      return [`coverage@${k}`, { value, lower: value, upper: value }];
    }),
  );
}

const examplesDrawn = 6;
const exampleHistory = 10;
const examplePlaces = 10;

/** By chance, not by success, among the queries that have a history. */
function drawExamples(rankings: Rankings, set: EvaluationSet, seed: number): Example[] {
  const candidates = set.queries.flatMap(({ history }, query) => (history.items.length > 0 ? [query] : []));
  const random = seededRandom(seed);
  const draws = Math.min(examplesDrawn, candidates.length);
  for (let at = 0; at < draws; at++) {
    const other = at + Math.floor(random() * (candidates.length - at));
    [candidates[at], candidates[other]] = [candidates[other]!, candidates[at]!];
  }
  return candidates.slice(0, draws).map((query) => ({
    query,
    history: [...set.queries[query]!.history.items.subarray(-exampleHistory)],
    targets: [...set.targets[query]!],
    ranked: [...rankingOf(rankings, query).subarray(0, examplePlaces)],
  }));
}
