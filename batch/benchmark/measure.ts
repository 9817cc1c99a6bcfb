import { DataError } from '../../shared/errors.ts';
import type { Estimate } from '../../shared/release.ts';
import type { Config } from '../config.ts';
import type { PreparedData } from '../data/prepare.ts';
import { type Difference, differencesOf } from '../evaluate/compare.ts';
import type { Evaluation } from '../evaluate/evaluation.ts';
import { configuredModels, type Entrant, type FitsContext, fitCandidates, testFinalists } from '../fit.ts';
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

/** What a benchmark measures of one fitted model. */
interface Run {
  readonly options: unknown;
  readonly test: Evaluation;
}

/**
 * Fits and tests the models of a config as a run does, once a seed. Seeds are the models': the split, and so who is asked what, stays.
 * Baselines are fitted with the first seed only: what they learn follows from the data.
 * @param against the model that all others are compared with
 */
export async function measure(
  config: Config,
  data: PreparedData,
  { seeds, against }: { readonly seeds: readonly number[]; readonly against: string | undefined },
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
  const first = [...runs.values()][0]?.[0]?.test;
  if (first === undefined) throw new DataError('benchmark: expected a model to measure, found none');
  const leader = runs.get(against ?? '');
  return {
    protocol: first.protocol,
    queries: first.queries,
    primary: first.primary,
    models: [...runs].map(([name, own]) => ({
      name,
      baseline: entrants.find(({ recommender }) => recommender.name === name)!.recommender.baseline,
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

function figuresOf(runs: readonly Evaluation[]): Record<string, Figure> {
  return Object.fromEntries(
    Object.entries(runs[0]!.metrics).map(([key, overQueries]) => {
      const seeds = runs.map(({ metrics }) => metrics[key]!.value);
      return [key, { seeds, overSeeds: overSeeds(seeds), overQueries }];
    }),
  );
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
