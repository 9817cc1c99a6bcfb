import * as v from 'valibot';
import { ConfigError, FitError } from '../shared/errors.ts';
import type { Cached } from './cache.ts';
import type { Config } from './config.ts';
import type { Dataset } from './data/dataset.ts';
import type { DevelopmentData, PreparedData } from './data/prepare.ts';
import { evaluate, primaryMetric } from './evaluate/evaluate.ts';
import { type Evaluation, primaryOf } from './evaluate/evaluation.ts';
import type { EvaluationSet } from './evaluate/protocol.ts';
import { assertAgreement } from './export/agreement.ts';
import { mistakesOf } from './mistakes.ts';
import { recommenders } from './models/index.ts';
import type { Context } from './pipeline.ts';
import type { Stage } from './progress.ts';
import type { Artifact, Checkpoints, Model, Recommender, Run } from './recommender.ts';

/** A point of a training curve. */
export interface CurvePoint {
  readonly series: string;
  readonly step: number;
  readonly value: number;
}

/** A model fitted on the training split, with its figures on the validation split. */
export interface Candidate {
  readonly name: string;
  readonly baseline: boolean;
  /** The options with which fitting on more data repeats it. */
  readonly options: unknown;
  readonly validation: Evaluation;
  readonly curves: readonly CurvePoint[];
}

/** The same recipe fitted on training and validation events: its test figures, and what a release of it would hold. */
export interface Finalist {
  readonly name: string;
  readonly baseline: boolean;
  readonly options: unknown;
  readonly test: Evaluation;
  readonly artifact: Artifact;
}

/** A model that takes part, with its options checked. */
export interface Entrant {
  readonly recommender: Recommender;
  readonly options: unknown;
}

/**
 * The baselines that suit the split, and the models that the config names.
 * @throws ConfigError for a model that does not exist, or options that are not its own
 */
export function configuredModels(config: Config): Entrant[] {
  const known = recommenders.map(({ name }) => name);
  const unknown = Object.keys(config.models).filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new ConfigError(`models: expected ${known.join(', ')}; found ${unknown.join(', ')}`);
  return recommenders
    .filter(({ name, baseline, splits = [config.split.kind] }) => {
      return (baseline && splits.includes(config.split.kind)) || name in config.models;
    })
    .map((recommender) => ({
      recommender,
      options: parseOptions(recommender, config.models[recommender.name] ?? {}),
    }));
}

/** @throws ConfigError naming every option that is not the model's own, or not within its bounds */
export function parseOptions(recommender: Recommender, input: unknown): unknown {
  const result = v.safeParse(recommender.options, input);
  if (result.success) return result.output;
  const within = `models.${recommender.name}`;
  throw new ConfigError(result.issues.flatMap((issue) => mistakesOf(issue, within)).join('\n'));
}

/** What surrounds a single fit. */
export type FitContext = Pick<Context, 'cache' | 'backend' | 'signal'>;

/** What surrounds several. */
export type FitsContext = FitContext & Pick<Context, 'reporter'>;

/** What a fit and its figures depend on. */
const keyOf = (options: unknown, config: Config, data: DevelopmentData, { backend }: FitContext): object => ({
  ...data.splitInputs,
  evaluation: config.evaluation,
  seed: config.seed,
  options,
  backend,
});

/**
 * Fits every model on the training split and measures it on the validation split.
 * @param config its seed is the models'; the split was made with `data.seed`
 */
export async function fitCandidates(
  entrants: readonly Entrant[],
  config: Config,
  data: PreparedData,
  context: FitsContext,
): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const entrant of entrants) {
    const { recommender } = entrant;
    const fit = context.reporter.stage(`fit ${recommender.name}`, async (stage) => {
      const fitted = await fitOnce(entrant, config, data, context, stage);
      note(stage, fitted, fitted.value.validation, 'validation');
      return fitted.value;
    });
    const candidate = await unlessOutOfDepth(recommender, fit, config, context);
    if (candidate !== undefined) candidates.push(candidate);
  }
  return candidates;
}

/** Fits a model on the training split and measures it on the validation split, unless an earlier run did. */
export function fitOnce(
  { recommender, options }: Entrant,
  config: Config,
  data: DevelopmentData,
  context: FitContext,
  stage: Stage,
): Promise<Cached<Candidate>> {
  const inputs = keyOf(options, config, data, context);
  return context.cache.get(`fit-${recommender.name}`, inputs, (checkpoints) =>
    fitCandidate(recommender, options, config, data, { context, stage, checkpoints }),
  );
}

/** A baseline that nobody asked for may be out of its depth (EASE on a huge catalogue): the run goes on without it. */
async function unlessOutOfDepth<T>(
  { name, baseline }: Recommender,
  fit: Promise<T>,
  config: Config,
  { reporter }: FitsContext,
): Promise<T | undefined> {
  try {
    return await fit;
  } catch (error) {
    if (!(error instanceof FitError) || !baseline || name in config.models) throw error;
    reporter.line(`! ${name} takes no part: ${error.message}`);
    return undefined;
  }
}

/**
 * The winner is the best on validation; of equals, the simpler, which stands earlier in the list.
 * @throws FitError when no model could be fitted
 */
export function chooseWinner(candidates: readonly Candidate[], finalists: readonly Finalist[]): Finalist {
  let winner: { finalist: Finalist; metric: number } | undefined;
  for (const { name, validation } of candidates) {
    const finalist = finalists.find((entry) => entry.name === name);
    const metric = primaryOf(validation);
    if (finalist !== undefined && (winner === undefined || metric > winner.metric))
      winner = { finalist, metric };
  }
  if (winner === undefined) throw new FitError('expected a model to choose, found none that could be fitted');
  return winner.finalist;
}

/** Fits each candidate's recipe on training and validation events and measures it on the test split. */
export async function testFinalists(
  config: Config,
  data: PreparedData,
  candidates: readonly Candidate[],
  context: FitsContext,
): Promise<Finalist[]> {
  const finalists: Finalist[] = [];
  for (const { name, baseline, options } of candidates) {
    const recommender = recommenders.find((entry) => entry.name === name)!;
    const inputs = keyOf(options, config, data, context);
    const test = context.reporter.stage(`test ${name}`, async (stage) => {
      const tested = await context.cache.get(`test-${name}`, inputs, (checkpoints) =>
        testFinalist(recommender, options, config, data, { context, stage, checkpoints }),
      );
      note(stage, tested, tested.value.test, 'test');
      return tested.value;
    });
    const finalist = await unlessOutOfDepth(recommender, test, config, context);
    if (finalist !== undefined) finalists.push({ name, baseline, options, ...finalist });
  }
  return finalists;
}

function note(stage: Stage, cached: Cached<unknown>, { metrics, primary }: Evaluation, split: string): void {
  stage.note(
    `${primary} ${metrics[primary]!.value.toFixed(4)} on the ${split} split${cached.reused ? ', reused' : ''}`,
  );
}

interface FitSurroundings {
  readonly context: FitContext;
  readonly stage: Stage;
  readonly checkpoints: Checkpoints;
}

async function fitCandidate(
  recommender: Recommender,
  options: unknown,
  config: Config,
  data: DevelopmentData,
  surroundings: FitSurroundings,
): Promise<Candidate> {
  const { train, validation } = await data.development();
  const { signal } = surroundings.context;
  const curves: CurvePoint[] = [];
  const run: Run = {
    ...runOf(config, validation, surroundings),
    validate: (score) => primaryMetric(score, validation, config.evaluation, signal),
    curve: (series, step, value) => void curves.push({ series, step, value }),
  };
  using model = await recommender.fit(train, options, run);
  const figures = await measure(model, train, validation, { ...config, seed: data.seed }, surroundings);
  const { name, baseline } = recommender;
  return { name, baseline, options: model.fittedOptions, validation: figures, curves };
}

async function testFinalist(
  recommender: Recommender,
  options: unknown,
  config: Config,
  data: PreparedData,
  surroundings: FitSurroundings,
): Promise<Pick<Finalist, 'test' | 'artifact'>> {
  const { trainAndValidation: train, test } = await data.split();
  using model = await recommender.fit(train, options, runOf(config, test, surroundings));
  const figures = await measure(model, train, test, { ...config, seed: data.seed }, surroundings);
  const artifact = await model.export();
  if (artifact.kind !== 'none') {
    const histories = test.queries.map(({ history }) => history);
    await assertAgreement(model.score, artifact, new Float32Array(train.itemIds.length), histories);
  }
  return { test: figures, artifact };
}

const measure = (
  model: Model,
  train: Dataset,
  set: EvaluationSet,
  { evaluation, seed }: Pick<Config, 'evaluation' | 'seed'>,
  { context, stage }: FitSurroundings,
): Promise<Evaluation> =>
  evaluate(model.score, set, evaluation, {
    train,
    seed,
    signal: context.signal,
    progress: (fraction) => stage.progress('ranking', fraction),
  });

const runOf = (
  config: Config,
  { excludeHistory }: EvaluationSet,
  { context, stage, checkpoints }: FitSurroundings,
): Run => ({
  seed: config.seed,
  targets: excludeHistory ? 'new' : 'any',
  signal: context.signal,
  checkpoints,
  progress: stage.progress,
  curve: () => undefined,
});
