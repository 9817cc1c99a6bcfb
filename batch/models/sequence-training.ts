import * as tf from '@tensorflow/tfjs-core';
import { FitError } from '../../shared/errors.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Run } from '../recommender.ts';
import { stream } from '../training/examples.ts';
import { dropoutMask } from '../training/layers.ts';
import { train as runTraining, type Task } from '../training/loop.ts';
import { cosineDecay, createAdamW, type Optimiser, type Parameters } from '../training/optimiser.ts';
import { normal, seededRandom } from '../training/random.ts';
import { sequenceLoss } from '../training/sequence-loss.ts';
import { drawCandidates } from '../training/softmax-arrays.ts';
import { unitSpectralVectors } from '../training/svd.ts';
import {
  dealWindows,
  tileWindows,
  type WindowBatch,
  type Windows,
  windowBatch,
} from '../training/windows.ts';
import { popularityScores } from './popularity.ts';
import { scoreWith } from './sequence-model.ts';
import { type SequenceNetwork, tableNames, tableWithBias, withOne } from './sequence-network.ts';
import type { SequenceOptions } from './sequence-options.ts';

/** What stays the same throughout a fit. */
export interface Problem {
  readonly train: Dataset;
  readonly network: SequenceNetwork;
  /** With what the run decides filled in. */
  readonly options: SequenceOptions & { readonly targets: 'new' | 'any' };
  readonly seed: number;
  readonly popularity: Float32Array;
  readonly windows: Windows;
  readonly stepsPerEpoch: number;
  /** Items drawn beside a batch's targets; undefined: all. */
  readonly negatives: number | undefined;
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
  return {
    train,
    network,
    options,
    seed: run.seed,
    popularity: popularityScores(train, {}),
    windows,
    stepsPerEpoch: Math.max(1, Math.floor(count / Math.max(1, windowsPerStep))),
    negatives: negativesOf(options.negatives, train.itemIds.length),
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
export function createOptimiser(parameters: Parameters, { options, stepsPerEpoch }: Problem): Optimiser {
  const { learningRate, finalRate, weightDecay, epochs } = options;
  const steps = epochs * stepsPerEpoch;
  return createAdamW(parameters, {
    learningRate: cosineDecay(learningRate, finalRate, steps),
    warmUpSteps: Math.min(60, Math.ceil(steps / 10)),
    beta2: 0.98,
    weightDecay,
    clipNorm: 1,
  });
}

/** What the loop trains; its `loss` is all of a step but the gradients and the optimiser. */
export function createTask(
  parameters: Parameters,
  optimiser: Optimiser,
  problem: Problem,
  validated: boolean,
): Task {
  const { train, network, options, seed, stepsPerEpoch } = problem;
  const batches = createBatches(problem);
  return {
    name: network.name,
    identity: JSON.stringify({ options, seed, events: train.items.length, validated }),
    parameters,
    optimiser,
    stepsPerEpoch,
    loss: (step) => batchLoss(parameters, problem, batches(step), step),
    score: scoreWith(parameters, problem),
  };
}

/** The windows of each step; the deal of the epoch at hand is kept, not that of others. */
function createBatches({
  train,
  options,
  seed,
  windows,
  stepsPerEpoch,
}: Problem): (step: number) => WindowBatch {
  let deal: { epoch: number; steps: Int32Array[] } | undefined;
  return (step) => {
    const epoch = Math.floor(step / stepsPerEpoch);
    if (deal?.epoch !== epoch)
      deal = { epoch, steps: dealWindows(windows, stepsPerEpoch, stream(seed, 'epoch', epoch)) };
    return windowBatch(train, windows, deal.steps[step % stepsPerEpoch]!, options.targets);
  };
}

function batchLoss(
  parameters: Parameters,
  { network, options, seed, negatives }: Problem,
  batch: WindowBatch,
  step: number,
): tf.Scalar {
  const random = stream(seed, 'step', step);
  const events = {
    length: batch.length,
    items: tf.tensor1d(batch.items, 'int32'),
    weights: tf.tensor1d(batch.weights),
  };
  const dropout =
    (rate: number) =>
    (x: tf.Tensor2D): tf.Tensor2D =>
      rate === 0 ? x : tf.mul(x, dropoutMask(...x.shape, rate, random));
  const drop = { input: dropout(options.inputDropout), within: dropout(options.dropout) };
  const queries = withOne(network.queriesAt(parameters, events, tf.tensor1d(batch.places, 'int32'), drop));
  const table = tableWithBias(parameters);
  const rows = table.shape[0];
  if (negatives === undefined) return sequenceLoss(queries, table, batch);
  const candidates = drawCandidates(batch.targets, negatives, rows, random);
  return sequenceLoss(queries, tf.gather(table, tf.tensor1d(candidates, 'int32')), batch, candidates);
}
