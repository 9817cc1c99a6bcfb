import { ConfigError } from '../../shared/errors.ts';
import type { Estimate } from '../../shared/release.ts';
import type { Config } from '../config.ts';
import type { PreparedData } from '../data/prepare.ts';
import type { FitsContext } from '../fit.ts';
import { configuredRanker, type FittedRanker, testRanker } from '../ranking/fit-ranker.ts';
import { figureOf, type Measurement, type MeasureOptions } from './measure.ts';

/**
 * Fits and tests the ranker of a config once a seed, beside the simple ways to a probability, which are fitted with the first seed. The
 * rows are parted alike for all.
 */
export async function measureRanker(
  config: Config,
  data: PreparedData,
  { seeds }: Pick<MeasureOptions, 'seeds'>,
  context: FitsContext,
): Promise<Measurement> {
  const entrant = configuredRanker(config);
  if (entrant === undefined || config.ranker === undefined)
    throw new ConfigError('benchmark: expected a config with a ranker, found none');
  const runs: FittedRanker[] = [];
  for (const seed of seeds) {
    context.reporter.line(`\n  seed ${seed}\n`);
    const run = await testRanker(entrant, { ...config, seed }, config.ranker, { data, context });
    runs.push(run);
  }
  const { evaluation, model } = runs[0]!;
  return {
    protocol: evaluation.protocol,
    queries: evaluation.examples,
    primary: 'auc',
    models: evaluation.models.map(({ name, metrics }) => {
      const own = name === model.name;
      const taking = own ? runs : runs.slice(0, 1);
      return {
        name,
        baseline: !own,
        options: own ? model.options : {},
        figures: figuresOf(
          metrics,
          taking.map((run) => metricsOf(run, name)),
        ),
      };
    }),
  };
}

type Metrics = Readonly<Record<string, Estimate>>;

const metricsOf = ({ evaluation }: FittedRanker, model: string): Metrics =>
  evaluation.models.find(({ name }) => name === model)!.metrics;

const figuresOf = (first: Metrics, runs: readonly Metrics[]) =>
  Object.fromEntries(Object.keys(first).map((key) => [key, figureOf(runs.map((metrics) => metrics[key]!))]));
