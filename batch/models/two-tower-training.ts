import * as tf from '@tensorflow/tfjs-core';
import { FitError } from '../../shared/errors.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Run } from '../recommender.ts';
import { historyTensors } from '../training/histories.ts';
import { rowsOfTables, train as runTraining } from '../training/loop.ts';
import { softmaxLossOf } from '../training/losses.ts';
import { createAdamW, type Optimiser, type Parameters } from '../training/optimiser.ts';
import { heap } from '../training/shared-memory.ts';
import { unitSpectralVectors } from '../training/svd.ts';
import type { TwoTowerBatch } from './two-tower-batches.ts';
import { scoreWith } from './two-tower-model.ts';
import { initialParameters, itemTower, queryTower } from './two-tower-network.ts';
import type { Problem } from './two-tower-problem.ts';

/** Parameters that score as the truncated SVD does, and the factor of the scores at which the first batch is likeliest. */
export function initialise(problem: Problem): { parameters: Parameters; scale: number } {
  const { train, options, seed, features } = problem;
  const table = initialTable(train, options.dimensions, seed);
  const parameters = initialParameters(table, options.dimensions, { features, heads: options.heads });
  const batch = problem.batches.open()(0, heap);
  const scales = Array.from({ length: 13 }, (_, i) => 2 ** (i - 6));
  const losses = scales.map((scale) =>
    tf.tidy(() => {
      const read = rowsOfTables(parameters, batch.rows);
      return batchLoss(read, scale, problem, batch).dataSync()[0]!;
    }),
  );
  return { parameters, scale: scales[losses.indexOf(Math.min(...losses))]! };
}

/** Spectral vectors; there must be some. */
function initialTable(train: Dataset, dimensions: number, seed: number): Float32Array {
  const vectors = unitSpectralVectors(train, dimensions, seed);
  if (vectors.some((value) => value !== 0)) return vectors;
  const present = train.items.filter((_, event) => train.weights[event]! > 0);
  throw new FitError(
    `two-tower: expected events with weight on different items, found ${new Set(present).size} such items`,
  );
}

/** Trains in place; returns the epochs that the parameters have seen. */
export async function fitParameters(
  parameters: Parameters,
  scale: number,
  problem: Problem,
  run: Run,
): Promise<number> {
  const { options, stepsPerEpoch, train } = problem;
  using optimiser = createOptimiser(parameters, problem);
  const identity = {
    options,
    seed: run.seed,
    events: train.items.length,
    validated: run.validate !== undefined,
  };
  return await runTraining(
    {
      name: 'two-tower',
      identity: JSON.stringify(identity),
      parameters,
      optimiser,
      stepsPerEpoch,
      batches: problem.batches,
      rows: ({ rows }) => rows,
      loss: (_, batch, read) => batchLoss(read, scale, problem, batch),
      score: scoreWith(parameters, scale, problem),
    },
    { ...options, maximumEpochs: options.epochs ?? (run.validate ? 4 : 2) },
    run,
  );
}

export const createOptimiser = (parameters: Parameters, { options, byRows }: Problem): Optimiser =>
  createAdamW(parameters, { ...options, byRows });

/** Mean loss of a batch; `scale` multiplies the scores. */
export function batchLoss(
  parameters: Readonly<Record<string, tf.Tensor>>,
  scale: number,
  { features }: Pick<Problem, 'features'>,
  { histories, softmax, features: own }: TwoTowerBatch,
): tf.Scalar {
  const history = itemTower(parameters, 'history', own.history);
  const query = queryTower(parameters, history, historyTensors(histories));
  return softmaxLossOf(tf.mul(query, scale), itemTower(parameters, 'items', own.items ?? features), softmax);
}
