import * as tf from '@tensorflow/tfjs-core';
import { auc } from '../ranking/metrics.ts';
import type { RankerRun } from '../ranking/ranker.ts';
import { stream } from '../training/examples.ts';
import { train } from '../training/loop.ts';
import { cosineDecay, createAdamW, type Parameters } from '../training/optimiser.ts';
import type { LabelledBatch } from './ctr-ranker-batches.ts';
import { logitsOf } from './ctr-ranker-model.ts';
import { itemTable, logits } from './ctr-ranker-network.ts';
import { initialParameters, type Weights } from './ctr-ranker-parameters.ts';
import type { Problem } from './ctr-ranker-problem.ts';

/** Untrained parameters. */
export const initialise = ({ train, options, features, contextSizes, seed }: Problem): Parameters =>
  initialParameters(options, { rows: train.itemIds.length, features, contextSizes, seed });

/** Trains in place; returns the epochs that the parameters have seen. */
export async function fitParameters(
  parameters: Parameters,
  problem: Problem,
  run: RankerRun,
): Promise<number> {
  const { options, stepsPerEpoch, validation } = problem;
  const steps = options.epochs * stepsPerEpoch;
  using optimiser = createAdamW(parameters, {
    learningRate: cosineDecay(options.learningRate, options.finalRate, steps),
    weightDecay: options.weightDecay,
    warmUpSteps: Math.min(100, Math.floor(steps / 10)),
    clipNorm: 1,
  });
  const identity = { options, seed: run.seed, events: problem.train.items.length };
  return await train(
    {
      name: 'ctr-ranker',
      identity: JSON.stringify(identity),
      parameters,
      optimiser,
      stepsPerEpoch,
      batches: problem.batches,
      loss: (step, batch: LabelledBatch) => batchLoss(parameters, problem, batch, step),
      validate: async () =>
        auc({
          probabilities: await logitsOf(parameters, problem, validation),
          labels: validation.labels,
        }),
    },
    { ...options, maximumEpochs: options.epochs },
    run,
  );
}

/** Mean cross-entropy of a batch's rows: log(1 + eᶻ) − label · z. */
export function batchLoss(
  parameters: Weights,
  { options, features, seed }: Problem,
  batch: LabelledBatch,
  step: number,
): tf.Scalar {
  const dropout = { rate: options.dropout, random: stream(seed, 'step', step) };
  const z = logits(parameters, options, itemTable(parameters, features), batch, dropout);
  const losses = tf.sub(tf.softplus(z), tf.mul(tf.tensor1d(batch.labels), z));
  return tf.sum(tf.mul(losses, tf.tensor1d(batch.rowWeights)));
}
