import * as tf from '@tensorflow/tfjs-core';
import { FitError } from '../../shared/errors.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Run } from '../recommender.ts';
import { type Example, stream } from '../training/examples.ts';
import { historyBatch } from '../training/histories.ts';
import { train as runTraining } from '../training/loop.ts';
import { sampleCandidates, softmaxLoss } from '../training/losses.ts';
import { createAdamW, type Parameters } from '../training/optimiser.ts';
import { interactionMatrix } from '../training/sparse.ts';
import { spectralItemVectors } from '../training/svd.ts';
import { scoreWith } from './two-tower-model.ts';
import { initialParameters, itemTower, queryTower } from './two-tower-network.ts';
import { createBatches, type Problem } from './two-tower-problem.ts';

/** Parameters that score as the truncated SVD does, and the factor of the scores at which the first batch is likeliest. */
export function initialise(problem: Problem): { parameters: Parameters; scale: number } {
  const { train, options, seed, features } = problem;
  const table = initialTable(train, options.dimensions, seed);
  const parameters = initialParameters(table, options.dimensions, { features, heads: options.heads });
  const examples = createBatches(problem)(0);
  const scales = Array.from({ length: 13 }, (_, i) => 2 ** (i - 6));
  const losses = scales.map((scale) =>
    tf.tidy(() => batchLoss(parameters, scale, problem, examples, 0).dataSync()[0]!),
  );
  return { parameters, scale: scales[losses.indexOf(Math.min(...losses))]! };
}

/** Spectral vectors, scaled to a root mean square length of 1, so that one learning rate suits all data. */
function initialTable(train: Dataset, dimensions: number, seed: number): Float32Array {
  const matrix = interactionMatrix(train);
  const present = new Set(matrix.indices).size;
  const vectors = spectralItemVectors(matrix, { dimensions, seed });
  const squares = vectors.reduce((sum, value) => sum + value * value, 0);
  if (!(squares > 0)) {
    throw new FitError(
      `two-tower: expected events with weight on different items, found ${present} such items`,
    );
  }
  const factor = Math.sqrt(present / squares);
  return vectors.map((value) => value * factor);
}

/** Trains in place; returns the epochs that the parameters have seen. */
export async function fitParameters(
  parameters: Parameters,
  scale: number,
  problem: Problem,
  run: Run,
): Promise<number> {
  const { options, stepsPerEpoch, train } = problem;
  using optimiser = createAdamW(parameters, options);
  const batches = createBatches(problem);
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
      loss: (step) => batchLoss(parameters, scale, problem, batches(step), step),
      score: scoreWith(parameters, scale, problem),
    },
    { ...options, maximumEpochs: options.epochs ?? (run.validate ? 4 : 2) },
    run,
  );
}

/** Mean loss of the examples; `scale` multiplies the scores. */
export function batchLoss(
  parameters: Parameters,
  scale: number,
  { options, features, frequency, negatives, seed, recency }: Problem,
  examples: readonly Example[],
  step: number,
): tf.Scalar {
  const batch = historyBatch(
    examples.map(({ history }) => history),
    options.maxHistory,
  );
  const query = queryTower(parameters, itemTower(parameters, 'history', features), batch);
  const candidates =
    negatives === undefined
      ? undefined
      : sampleCandidates(examples, negatives, frequency, stream(seed, 'step', step));
  return softmaxLoss(tf.mul(query, scale), itemTower(parameters, 'items', features), examples, candidates, {
    excludeHistory: options.targets === 'new',
    weightOf: recency,
  });
}
