import * as v from 'valibot';
import { ConfigError } from '../../shared/errors.ts';
import type { Config, RankerConfig } from '../config.ts';
import type { PreparedData } from '../data/prepare.ts';
import type { RankerRelease } from '../export/ranker.ts';
import type { FitsContext } from '../fit.ts';
import { mistakesOf } from '../mistakes.ts';
import { rankers } from '../models/index.ts';
import type { Context } from '../pipeline.ts';
import type { Stage } from '../progress.ts';
import type { Checkpoints } from '../recommender.ts';
import { assertRankerAgreement } from './agreement.ts';
import { baselines } from './baselines.ts';
import { evaluateRows, type RankingEvaluation } from './evaluate.ts';
import { rankerFaults } from './gate.ts';
import type { Ranker } from './ranker.ts';
import { splitForRanking } from './split.ts';

/** The ranker that the config names, with its options checked; undefined where it names none. */
export interface RankerEntrant {
  readonly ranker: Ranker;
  readonly options: unknown;
}

/** @throws ConfigError for a ranker that does not exist, or options that are not its own */
export function configuredRanker({ ranker: config }: Config): RankerEntrant | undefined {
  if (config === undefined) return undefined;
  const ranker = rankers.find(({ name }) => name === config.model);
  if (ranker === undefined) {
    const known = rankers.map(({ name }) => name).join(', ');
    throw new ConfigError(`ranker.model: expected ${known}; found ${config.model}`);
  }
  const result = v.safeParse(ranker.options, config.options);
  if (result.success) return { ranker, options: result.output };
  throw new ConfigError(result.issues.flatMap((issue) => mistakesOf(issue, 'ranker.options')).join('\n'));
}

/** A ranker with its figures, and those of its baselines. */
export interface FittedRanker extends RankerRelease {
  /** Why it may not be released; empty where it may. */
  readonly faults: readonly string[];
}

/**
 * Fits the configured ranker and its baselines, measures them on the test rows, and holds the ranker to logistic regression.
 * @returns undefined where the config names no ranker
 */
export async function fitRanker(
  entrant: RankerEntrant | undefined,
  config: Config,
  data: PreparedData,
  context: Context,
): Promise<FittedRanker | undefined> {
  if (entrant === undefined || config.ranker === undefined) return undefined;
  const fitted = await testRanker(entrant, config, config.ranker, { data, context });
  for (const fault of fitted.faults) context.reporter.line(`! the release goes without a ranker: ${fault}`);
  return fitted;
}

/**
 * Fits a ranker and its baselines and measures them on the test rows, unless an earlier run did.
 * @param config its seed is the models'; the rows are parted with `data.seed`
 */
export async function testRanker(
  entrant: RankerEntrant,
  config: Config,
  { model: _, options: __, ...rules }: RankerConfig,
  { data, context }: { readonly data: PreparedData; readonly context: FitsContext },
): Promise<FittedRanker> {
  const { fingerprint, seed: splitSeed } = data;
  const inputs = {
    ...{ fingerprint, rules, options: entrant.options, seed: config.seed, backend: context.backend },
    ...{ splitSeed, samples: config.evaluation.bootstrapSamples },
  };
  const { name } = entrant.ranker;
  return context.reporter.stage(`rank ${name}`, async (stage) => {
    const { value, reused } = await context.cache.get(`ranker-${name}`, inputs, (checkpoints) =>
      fitAndMeasure(entrant, rules, config, data, { context, stage, checkpoints }),
    );
    const [own] = value.evaluation.models;
    const { auc, ece } = own!.metrics;
    const outcome = value.faults.length === 0 ? '' : '; not released';
    stage.note(
      `AUC ${auc.value.toFixed(4)}, calibration error ${ece.value.toFixed(4)} on the test rows${outcome}${reused ? ', reused' : ''}`,
    );
    return value;
  });
}

/** What a release of it holds; undefined where it may not be released. */
export const released = (ranker: FittedRanker | undefined): RankerRelease | undefined =>
  ranker?.faults.length === 0 ? ranker : undefined;

interface Surroundings {
  readonly context: FitsContext;
  readonly stage: Stage;
  readonly checkpoints: Checkpoints;
}

async function fitAndMeasure(
  { ranker, options }: RankerEntrant,
  rules: Omit<RankerConfig, 'model' | 'options'>,
  { seed, evaluation }: Config,
  data: PreparedData,
  { context, stage, checkpoints }: Surroundings,
): Promise<FittedRanker> {
  const split = splitForRanking(await data.dataset(), rules, data.seed);
  const bootstrap = { samples: evaluation.bootstrapSamples, seed: data.seed };
  using model = await ranker.fit(split, options, {
    ...{ seed, checkpoints, signal: context.signal, progress: stage.progress },
    curve: () => undefined,
  });
  const own = await evaluateRows(ranker.name, model.score, split.test, bootstrap);
  const rivals: RankingEvaluation[] = [];
  for (const baseline of baselines) {
    context.signal.throwIfAborted();
    stage.progress(baseline.name, 1);
    rivals.push(await evaluateRows(baseline.name, baseline.fit(split, seed), split.test, bootstrap));
  }
  const artifact = await model.export();
  await assertRankerAgreement(model.score, artifact, split.test);
  return {
    model: { name: ranker.name, options: model.fittedOptions },
    artifact,
    evaluation: {
      protocol: split.protocol,
      examples: split.test.items.length,
      models: [own, ...rivals].map(({ name, metrics }) => ({ name, metrics: { ...metrics } })),
    },
    faults: rankerFaults(own, rivals),
  };
}
