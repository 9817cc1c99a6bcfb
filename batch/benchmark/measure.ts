import { DataError } from '../../shared/errors.ts';
import type { Estimate } from '../../shared/release.ts';
import type { Config } from '../config.ts';
import type { PreparedData } from '../data/prepare.ts';
import { type Difference, differencesOf } from '../evaluate/compare.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import type { Evaluation } from '../evaluate/evaluation.ts';
import { configuredModels, type Entrant, type FitsContext, fitCandidates, testFinalists } from '../fit.ts';
import type { Model } from '../recommender.ts';
import type { Rival } from './rivals.ts';
import { overSeeds } from './statistics.ts';

/** A model's test figure in one metric. */
export interface Figure {
  /** One for each seed. */
  readonly seeds: readonly number[];
  /** The mean, and what other seeds would give (Student's t). */
  readonly overSeeds: Estimate;
  /** Of the first seed's run, and what other users would give (bootstrap). */
  readonly overQueries: Estimate;
}

export interface MeasuredModel {
  readonly name: string;
  readonly baseline: boolean;
  /** As the first seed's run decided. */
  readonly options: unknown;
  readonly figures: Readonly<Record<string, Figure>>;
  /** The model of the goals minus this one in the primary metric: means over seeds, paired over queries. */
  readonly lead?: Difference;
}

export interface Measurement {
  /** In words. */
  readonly protocol: string;
  readonly queries: number;
  readonly primary: string;
  readonly models: readonly MeasuredModel[];
}

export interface MeasureOptions {
  readonly seeds: readonly number[];
  /** The model that all others are compared with. */
  readonly against: string | undefined;
  readonly rivals?: readonly Rival[] | undefined;
}

/** What a benchmark measures of one fitted model. */
interface Run {
  readonly options: unknown;
  readonly test: Evaluation;
}

/**
 * Fits and tests the models of a config as a run does, once a seed. Seeds are the models': the split, and so who is asked what, stays.
 * Baselines are fitted with the first seed only: what they learn follows from the data.
 */
export async function measure(
  config: Config,
  data: PreparedData,
  { seeds, against, rivals = [] }: MeasureOptions,
  context: FitsContext,
): Promise<Measurement> {
  const entrants = configuredModels(config);
  const runs = new Map<string, Run[]>();
  for (const [at, seed] of seeds.entries()) {
    context.reporter.line(`\n  seed ${seed}\n`);
    const taking = at === 0 ? entrants : entrants.filter(({ recommender }) => !recommender.baseline);
    for (const [name, run] of await runOnce(taking, { ...config, seed }, data, context))
      runs.set(name, [...(runs.get(name) ?? []), run]);
  }
  for (const { name, scores } of rivals) {
    const { trainAndValidation: train, test } = await data.split();
    const all = scores(train, data.seed);
    const score: Model['score'] = async (queries) => queries.map(() => all);
    const { signal } = context;
    const measured = await evaluate(score, test, config.evaluation, { train, seed: data.seed, signal });
    runs.set(name, [{ options: {}, test: measured }]);
  }
  const first = [...runs.values()][0]?.[0]?.test;
  if (first === undefined) throw new DataError('benchmark: expected a model to measure, found none');
  const leader = runs.get(against ?? '');
  return {
    protocol: first.protocol,
    queries: first.queries,
    primary: first.primary,
    models: [...runs].map(([name, own]) => ({
      name,
      baseline: entrants.find(({ recommender }) => recommender.name === name)?.recommender.baseline ?? true,
      options: own[0]!.options,
      figures: figuresOf(own.map(({ test }) => test)),
      ...(leader && leader !== own && { lead: leadOf(leader, own, config, data) }),
    })),
  };
}

async function runOnce(
  entrants: readonly Entrant[],
  config: Config,
  data: PreparedData,
  context: FitsContext,
): Promise<Map<string, Run>> {
  const candidates = await fitCandidates(entrants, config, data, context);
  const finalists = await testFinalists(config, data, candidates, context);
  return new Map(finalists.map(({ name, options, test }) => [name, { options, test }]));
}

const figuresOf = (runs: readonly Evaluation[]): Record<string, Figure> =>
  Object.fromEntries(
    Object.keys(runs[0]!.metrics).map((key) => [key, figureOf(runs.map(({ metrics }) => metrics[key]!))]),
  );

/** @param runs a metric of each seed's run, the first seed's first */
export function figureOf(runs: readonly Estimate[]): Figure {
  const seeds = runs.map(({ value }) => value);
  return { seeds, overSeeds: overSeeds(seeds), overQueries: runs[0]! };
}

function leadOf(
  leader: readonly Run[],
  other: readonly Run[],
  { evaluation }: Config,
  { seed }: PreparedData,
): Difference {
  const [own, its] = [meanPerQuery(leader), meanPerQuery(other)];
  const difference = own.map((value, query) => value - its[query]!);
  return differencesOf([difference], { samples: evaluation.bootstrapSamples, seed })[0]!;
}

/** [queries] the primary metric, its mean over the seeds. */
function meanPerQuery(runs: readonly Run[]): Float32Array {
  const columns = runs.map(({ test }) => test.perQuery[test.primary]!);
  return columns[0]!.map(
    (_, query) => columns.reduce((sum, column) => sum + column[query]!, 0) / runs.length,
  );
}
