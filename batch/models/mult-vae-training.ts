import * as tf from '@tensorflow/tfjs-core';
import type { Run } from '../recommender.ts';
import { reparametrise, weightedDivergence } from '../training/gaussian-code.ts';
import { train as runTraining } from '../training/loop.ts';
import { softmaxLossOf } from '../training/losses.ts';
import { cosineDecay, createAdamW, type Optimiser, type Parameters } from '../training/optimiser.ts';
import type { MultVaeBatch } from './mult-vae-batches.ts';
import { scoreWith } from './mult-vae-model.ts';
import { decode, encode } from './mult-vae-network.ts';
import type { Problem } from './mult-vae-problem.ts';

/** Trains in place; returns the epochs that the parameters have seen. */
export async function fitParameters(parameters: Parameters, problem: Problem, run: Run): Promise<number> {
  const { options, stepsPerEpoch, steps, train } = problem;
  using optimiser = createOptimiser(parameters, problem);
  const identity = {
    options,
    seed: run.seed,
    events: train.items.length,
    validated: run.validate !== undefined,
  };
  return await runTraining(
    {
      name: 'mult-vae',
      identity: JSON.stringify(identity),
      parameters,
      optimiser,
      stepsPerEpoch,
      batches: problem.batches,
      rows: ({ rows }) => rows,
      loss: (step, batch, read) => batchLoss(read, problem, batch, step),
      score: scoreWith(parameters, problem),
    },
    {
      maximumEpochs: options.stopAfter ?? steps / stepsPerEpoch,
      validationsPerEpoch: 1 / options.epochsPerValidation,
      patience: options.patience,
    },
    run,
  );
}

/** Adam, its rate falling as a cosine over the whole of `epochs`, wherever training then stops. */
export function createOptimiser(parameters: Parameters, { options, steps, byRows }: Problem): Optimiser {
  const learningRate = cosineDecay(options.learningRate, options.finalRate, steps);
  return createAdamW(parameters, { learningRate, beta2: 0.999, byRows });
}

/**
 * The negative evidence lower bound of a batch's users, per item of theirs:
 * Σ_u (−Σ_{i ∈ u} log softmax(query_u · Pᵀ + bias)_i + β_u · KL(N(μ_u, σ_u²) ‖ N(0, 1))) / Σ_u |u|.
 */
export function batchLoss(
  parameters: Parameters,
  { options, steps }: Pick<Problem, 'options' | 'steps'>,
  { seen, noise, softmax, sizes }: MultVaeBatch,
  step: number,
): tf.Scalar {
  const { mean, logVariance } = encode(parameters, seen);
  const code = reparametrise(mean, logVariance, tf.tensor2d(noise, mean.shape));
  const parameter = (name: string): tf.Tensor => parameters[name]!;
  const items = parameter('items') as tf.Tensor2D;
  const bias = parameter('items.bias') as tf.Tensor1D;
  const misfit = softmaxLossOf(decode(parameters, code), items, softmax, bias);
  const rise = options.annealing > 0 ? Math.min(1, step / (options.annealing * steps)) : 1;
  const total = softmax.targets.length;
  const factors = sizes.map((size) => {
    const beta = options.beta * (options.betaPer === 'item' ? size : 1);
    return (0.5 * rise * beta) / total;
  });
  return tf.add(misfit, weightedDivergence(mean, logVariance, tf.tensor1d(factors)));
}
