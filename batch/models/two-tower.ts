import * as tf from '@tensorflow/tfjs-core';
import * as v from 'valibot';
import { maximumDimensions } from '../../shared/release.ts';
import { openBackend } from '../backend/index.ts';
import { defineRecommender } from '../recommender.ts';
import { choice, logUniform } from '../tune/dimensions.ts';
import { createModel } from './two-tower-model.ts';
import { createProblem } from './two-tower-problem.ts';
import { fitParameters, initialise } from './two-tower-training.ts';

const Count = v.pipe(v.number(), v.integer(), v.minValue(1));
const Positive = v.pipe(v.number(), v.gtValue(0));

export const TwoTowerOptions = v.strictObject({
  dimensions: v.optional(v.pipe(Count, v.maxValue(maximumDimensions)), 64),
  /** Attention heads: views of a history that forget at different speeds. */
  heads: v.optional(Count, 2),
  /** Newest events of a history that the model reads. */
  maxHistory: v.optional(Count, 200),
  /** Which items of the next basket are to be predicted: those not in the history, or any. Left out: what will be asked. */
  targets: v.optional(v.picklist(['new', 'any'])),
  /** Points of a user's history trained on in one epoch. */
  examplesPerUser: v.optional(Count, 12),
  /** Days after which a choice counts half as an example, down to a tenth; null: all count alike. */
  halfLifeDays: v.optional(v.nullable(Positive), 90),
  batchSize: v.optional(Count, 128),
  learningRate: v.optional(Positive, 2.5e-3),
  weightDecay: v.optional(v.pipe(v.number(), v.minValue(0)), 0),
  /** Items drawn beside a batch's targets for its softmax; 'all': the catalogue. Left out: all up to 10,000 items. */
  negatives: v.optional(v.union([Count, v.literal('all')])),
  /** With validation at most so many. Left out: 4 with validation, 2 without. */
  epochs: v.optional(v.pipe(v.number(), v.minValue(0))),
  validationsPerEpoch: v.optional(Count, 4),
  /** Validations in a row without a new best after which training ends. */
  patience: v.optional(Count, 4),
});
/** With what the run decides filled in. */
export type TwoTowerOptions = v.InferOutput<typeof TwoTowerOptions> & { readonly targets: 'new' | 'any' };

/**
 * Two-tower retrieval (Covington et al. 2016; Yi et al. 2019): a history encoder and an item tower trained by softmax to
 * predict the next basket, started from the truncated SVD of the interactions. See two-tower-network.ts.
 */
export const twoTower = defineRecommender({
  name: 'two-tower',
  baseline: false,
  options: TwoTowerOptions,
  search: {
    options: {
      dimensions: choice(32, 64, 96, 128),
      heads: choice(1, 2, 4),
      maxHistory: choice(50, 100, 200, 400),
      halfLifeDays: choice(null, 365, 180, 90, 45, 30),
      batchSize: choice(64, 128, 256),
      learningRate: logUniform(5e-4, 1e-2),
      weightDecay: choice(0, 0.1, 1),
    },
    budget: { option: 'epochs', least: 0.4, most: 4 },
  },
  async fit(train, given, run) {
    await openBackend();
    const options = { ...given, targets: given.targets ?? run.targets };
    run.progress('two-tower: singular vectors', 0);
    const problem = createProblem(train, options, run.seed);
    const { parameters, scale } = initialise(problem);
    try {
      const epochs = await fitParameters(parameters, scale, problem, run);
      return createModel(parameters, scale, problem, { ...options, epochs });
    } finally {
      tf.dispose(parameters);
    }
  },
});
