import * as tf from '@tensorflow/tfjs-core';
import type { Run } from '../recommender.ts';
import { type Example, stream } from '../training/examples.ts';
import { train as runTraining } from '../training/loop.ts';
import { sampleCandidates, softmaxLoss } from '../training/losses.ts';
import { cosineDecay, createAdamW, type Optimiser, type Parameters } from '../training/optimiser.ts';
import { normal, type Random } from '../training/random.ts';
import { scoreWith } from './mult-vae-model.ts';
import { decode, encode } from './mult-vae-network.ts';
import type { ItemSet, Problem } from './mult-vae-problem.ts';

/** Trains in place; returns the epochs that the parameters have seen. */
export async function fitParameters(parameters: Parameters, problem: Problem, run: Run): Promise<number> {
  const { options, stepsPerEpoch, steps, train } = problem;
  using optimiser = createOptimiser(parameters, problem);
  const batches = createBatches(problem);
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
      loss: (step) => batchLoss(parameters, problem, batches(step), step),
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
export function createOptimiser(parameters: Parameters, { options, steps }: Problem): Optimiser {
  const learningRate = cosineDecay(options.learningRate, options.finalRate, steps);
  return createAdamW(parameters, { learningRate, beta2: 0.999 });
}

/** The users of each step, all of them once an epoch but for what does not fill a batch. */
export function createBatches({
  users,
  batchSize,
  seed,
  stepsPerEpoch,
}: Problem): (step: number) => readonly ItemSet[] {
  let order: { epoch: number; users: readonly ItemSet[] } | undefined;
  return (step) => {
    const epoch = Math.floor(step / stepsPerEpoch);
    if (order?.epoch !== epoch) order = { epoch, users: shuffled(users, stream(seed, 'epoch', epoch)) };
    const start = (step % stepsPerEpoch) * batchSize;
    return order.users.slice(start, start + batchSize);
  };
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const order = values.slice();
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/**
 * The negative evidence lower bound of a batch's users, per item of theirs:
 * Σ_u (−Σ_{i ∈ u} log softmax(query_u · Pᵀ + bias)_i + β_u · KL(N(μ_u, σ_u²) ‖ N(0, 1))) / Σ_u |u|.
 */
export function batchLoss(
  parameters: Parameters,
  { options, frequency, negatives, seed, steps }: Problem,
  users: readonly ItemSet[],
  step: number,
): tf.Scalar {
  const random = stream(seed, 'step', step);
  const examples = users.map(asExample);
  const candidates =
    negatives === undefined ? undefined : sampleCandidates(examples, negatives, frequency, random);
  const seen = users.map((user) => dropItems(user, options.dropout, random));
  const { mean, logVariance } = encode(parameters, seen);
  const noise = tf.tensor2d(Float32Array.from({ length: mean.size }, normal(random)), mean.shape);
  const code = tf.add(mean, tf.mul(noise, tf.exp(tf.mul(logVariance, 0.5)))) as tf.Tensor2D;
  // The biases as one more dimension, of which every query has 1.
  const query = tf.concat2d([decode(parameters, code), tf.ones([users.length, 1])], 1);
  const biases = tf.reshape(parameters['items.bias']!, [-1, 1]) as tf.Tensor2D;
  const table = tf.concat2d([parameters['items'] as tf.Tensor as tf.Tensor2D, biases], 1);
  const misfit = softmaxLoss(query, table, examples, candidates, {
    excludeHistory: false,
    weightOf: ({ targets }) => targets.length,
  });
  const divergence = tf.sum(
    tf.sub(tf.add(tf.square(mean), tf.exp(logVariance)), tf.add(logVariance, 1)),
    1,
    true,
  );
  const rise = options.annealing > 0 ? Math.min(1, step / (options.annealing * steps)) : 1;
  const total = users.reduce((sum, { items }) => sum + items.length, 0);
  const factors = Float32Array.from(users, ({ items }) => {
    const beta = options.beta * (options.betaPer === 'item' ? items.length : 1);
    return (0.5 * rise * beta) / total;
  });
  return tf.add(misfit, tf.sum(tf.mul(divergence, tf.tensor2d(factors, [users.length, 1]))));
}

const asExample = ({ items }: ItemSet): Example => ({
  history: { items, times: new Float64Array(0), weights: new Float32Array(0) },
  targets: items,
  time: 0,
});

/** A set without a random share of its items, the others enlarged to the same sum on average. */
function dropItems({ items, values }: ItemSet, dropout: number, random: Random): ItemSet {
  const kept = Uint8Array.from(items, () => (random() >= dropout ? 1 : 0));
  return {
    items: items.filter((_, at) => kept[at] === 1),
    values: values.filter((_, at) => kept[at] === 1).map((value) => value / (1 - dropout)),
  };
}
