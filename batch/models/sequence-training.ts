import * as tf from '@tensorflow/tfjs-core';
import { FitError } from '../../shared/errors.ts';
import { type Dataset, sharedEvents } from '../data/dataset.ts';
import type { Run } from '../recommender.ts';
import type { Batches } from '../training/batches.ts';
import { stream } from '../training/examples.ts';
import { dropout } from '../training/layers.ts';
import { train as runTraining, type Task } from '../training/loop.ts';
import { cosineDecay, createAdamW, type Optimiser, type Parameters } from '../training/optimiser.ts';
import { normal, seededRandom } from '../training/random.ts';
import { sequenceLoss } from '../training/sequence-loss.ts';
import { unitSpectralVectors } from '../training/svd.ts';
import { tileWindows } from '../training/windows.ts';
import { popularityScores } from './popularity.ts';
import { batches, type SequenceBatch } from './sequence-batches.ts';
import { scoreWith } from './sequence-model.ts';
import { type SequenceNetwork, tableNames } from './sequence-network.ts';
import type { SequenceOptions } from './sequence-options.ts';

/** What stays the same throughout a fit. */
export interface Problem {
  readonly train: Dataset;
  readonly network: SequenceNetwork;
  /** With what the run decides filled in. */
  readonly options: SequenceOptions & { readonly targets: 'new' | 'any' };
  readonly seed: number;
  readonly popularity: Float32Array;
  readonly stepsPerEpoch: number;
  /** Whether a step reads but some rows of the tables. */
  readonly byRows: boolean;
  readonly batches: Batches<SequenceBatch>;
}

const itemsForFullSoftmax = 20_000;
const sampledNegatives = 2_048;

/** Root mean square length of an item's vector at a spectral start. */
const spectralLength = 0.4;

/** Small data are divided into at least so many steps an epoch, if a step then has as many windows. */
const leastSteps = 8;
const leastWindows = 8;

/** @throws FitError when nobody has an item to predict */
export function createProblem(
  train: Dataset,
  network: SequenceNetwork,
  given: SequenceOptions,
  run: Run,
): Problem {
  const options = { ...given, targets: given.targets ?? run.targets };
  const { positionsPerStep, targets } = options;
  const windows = tileWindows(train, network.window ?? network.maxHistory, targets);
  const count = windows.users.length;
  if (count === 0) {
    throw new FitError(
      `${network.name}: expected users with ${targets === 'new' ? 'a new' : 'an'} item after their first event, found none among ${train.userIds.length}`,
    );
  }
  const events = windows.ends.reduce((sum, end, window) => sum + end - windows.starts[window]!, 0);
  const wished = Math.round((count * positionsPerStep) / events);
  const windowsPerStep = Math.min(wished, Math.max(leastWindows, Math.ceil(count / leastSteps)));
  const stepsPerEpoch = Math.max(1, Math.floor(count / Math.max(1, windowsPerStep)));
  const rows = train.itemIds.length;
  const negatives = negativesOf(options.negatives, rows);
  return {
    train,
    network,
    options,
    seed: run.seed,
    popularity: popularityScores(train, {}),
    stepsPerEpoch,
    byRows: negatives !== undefined,
    batches: batches({
      seed: run.seed,
      events: sharedEvents(train),
      rows,
      windows,
      stepsPerEpoch,
      targets,
      negatives,
    }),
  };
}

function negativesOf(wanted: number | 'all', rows: number): number | undefined {
  if (wanted !== 'all') return wanted;
  return rows <= itemsForFullSoftmax ? undefined : sampledNegatives;
}

export const initialise = ({ train, network, options, seed }: Problem): Parameters =>
  tf.tidy(() => {
    const rows = train.itemIds.length;
    const kinds = train.weights.some((weight) => weight !== 1);
    const initial = network.initial({ rows, kinds }, normal(seededRandom(seed)));
    if (options.start === 'spectral') {
      const [, dimensions] = initial[tableNames.items]!.shape as [number, number];
      const vectors = tf.tensor2d(unitSpectralVectors(train, dimensions, seed), [rows, dimensions]);
      const start = tf.mul(vectors, spectralLength);
      for (const name of [tableNames.items, tableNames.history])
        if (initial[name]) initial[name] = tf.clone(start);
    }
    return Object.fromEntries(Object.entries(initial).map(([name, value]) => [name, tf.variable(value)]));
  });

/** Trains in place; returns the epochs that the parameters have seen. */
export async function fitParameters(parameters: Parameters, problem: Problem, run: Run): Promise<number> {
  const { options } = problem;
  using optimiser = createOptimiser(parameters, problem);
  const task = createTask(parameters, optimiser, problem, run.validate !== undefined);
  const limits = {
    maximumEpochs: options.stopAfter ?? options.epochs,
    validationsPerEpoch: options.validations / options.epochs,
    patience: options.patience,
  };
  return await runTraining(task, limits, run);
}

/** AdamW with the rate rising over the first steps and then falling as a cosine over all epochs. */
export function createOptimiser(
  parameters: Parameters,
  { options, stepsPerEpoch, byRows }: Problem,
): Optimiser {
  const { learningRate, finalRate, weightDecay, epochs } = options;
  const steps = epochs * stepsPerEpoch;
  return createAdamW(parameters, {
    learningRate: cosineDecay(learningRate, finalRate, steps),
    warmUpSteps: Math.min(60, Math.ceil(steps / 10)),
    beta2: 0.98,
    weightDecay,
    clipNorm: 1,
    byRows: byRows ? tablesOf(parameters) : [],
  });
}

/** What the loop trains; its `loss` is all of a step but the gradients and the optimiser. */
export function createTask(
  parameters: Parameters,
  optimiser: Optimiser,
  problem: Problem,
  validated: boolean,
): Task<SequenceBatch> {
  const { train, network, options, seed, stepsPerEpoch } = problem;
  return {
    name: network.name,
    identity: JSON.stringify({ options, seed, events: train.items.length, validated }),
    parameters,
    optimiser,
    stepsPerEpoch,
    batches: problem.batches,
    rows: ({ rows }) => rows && Object.fromEntries(tablesOf(parameters).map((name) => [name, rows])),
    loss: (step, batch, read) => batchLoss(read, problem, batch, step),
    score: scoreWith(parameters, problem),
  };
}

/** Those of {@link tableNames} that a network has. */
const tablesOf = (parameters: Parameters): string[] =>
  Object.values(tableNames).filter((name) => parameters[name] !== undefined);

function batchLoss(
  parameters: Parameters,
  { network, options, seed }: Problem,
  { windows, candidates, places }: SequenceBatch,
  step: number,
): tf.Scalar {
  const random = stream(seed, 'dropout', step);
  const events = {
    length: windows.length,
    items: tf.tensor1d(windows.items, 'int32'),
    weights: tf.tensor1d(windows.weights),
  };
  const dropping =
    (rate: number) =>
    (x: tf.Tensor2D): tf.Tensor2D =>
      rate === 0 ? x : dropout(x, rate, Math.floor(random() * 2 ** 32));
  const drop = { input: dropping(options.inputDropout), within: dropping(options.dropout) };
  const queries = network.queriesAt(parameters, events, tf.tensor1d(windows.places, 'int32'), drop);
  const parameter = (name: string): tf.Tensor => parameters[name]!;
  const table = parameter(tableNames.items) as tf.Tensor2D;
  const bias = parameter(tableNames.bias) as tf.Tensor2D;
  if (!places) return sequenceLoss(queries, table, tf.reshape(bias, [-1]), windows);
  const chosen = tf.tensor1d(places, 'int32');
  const own = tf.reshape(tf.gather(bias, chosen), [-1]) as tf.Tensor1D;
  return sequenceLoss(queries, tf.gather(table, chosen), own, windows, candidates);
}
