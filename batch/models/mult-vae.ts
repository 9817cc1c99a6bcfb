import * as tf from '@tensorflow/tfjs-core';
import * as v from 'valibot';
import { maximumDimensions } from '../../shared/release.ts';
import { openBackend } from '../backend/index.ts';
import { defineRecommender } from '../recommender.ts';
import { choice, logUniform, uniform } from '../tune/dimensions.ts';
import { initialise } from './mult-vae-initial.ts';
import { createModel } from './mult-vae-model.ts';
import { createProblem } from './mult-vae-problem.ts';
import { fitParameters } from './mult-vae-training.ts';
import { withProfiles } from './profile.ts';

const Count = v.pipe(v.number(), v.integer(), v.minValue(1));
const Positive = v.pipe(v.number(), v.gtValue(0));
const Share = v.pipe(v.number(), v.minValue(0), v.ltValue(1));
const Width = v.pipe(Count, v.maxValue(maximumDimensions));

const residual = {
  architecture: 'residual',
  hidden: 400,
  blocks: 2,
  dimensions: 128,
  dropout: 0.5,
  beta: 0.0035,
  betaPer: 'item',
  annealing: 0,
  learningRate: 1e-3,
  finalRate: 0.05,
  batchSize: 250,
  epochs: 40,
} as const;

export const MultVaeOptions = withProfiles(
  {
    /** `residual`: normalised layers with shortcuts and a linear decoder. `published`: tanh, one hidden layer on either side. */
    architecture: v.optional(v.picklist(['residual', 'published'])),
    /** Width of the history table and of the encoder's layers. */
    hidden: v.optional(Width),
    /** Residual layers of the encoder. */
    blocks: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
    /** Width of the code z. */
    dimensions: v.optional(Width),
    /** Share of a history's items that the encoder does not see, drawn anew in each step. */
    dropout: v.optional(Share),
    /** Weight of the divergence from the prior, beside a user's whole log-likelihood: this, or this times the user's items. */
    beta: v.optional(v.pipe(v.number(), v.minValue(0))),
    betaPer: v.optional(v.picklist(['item', 'user'])),
    /** Share of the steps over which beta rises from 0. */
    annealing: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
    learningRate: v.optional(Positive),
    /** Share of the learning rate that is left at the end of `epochs`; it falls as a cosine. */
    finalRate: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
    batchSize: v.optional(Count),
    /** Newest events of a history that the model reads. */
    maxHistory: v.optional(Count, 1_000),
    /** Items drawn beside a batch's own for its softmax; 'all': the catalogue. Left out: all up to 10,000 items. */
    negatives: v.optional(v.union([Count, v.literal('all')])),
    /** Passes over the users. */
    epochs: v.optional(Count),
    /** Epoch at which to end, on the way to `epochs`: what validation found. */
    stopAfter: v.optional(v.pipe(v.number(), v.minValue(0))),
    /** Epochs between two validations, and validations in a row without a new best after which training ends. */
    epochsPerValidation: v.optional(Count, 5),
    patience: v.optional(Count, 4),
  },
  {
    fast: { ...residual, learningRate: 2e-3, epochs: 20 },
    full: residual,
    published: {
      ...residual,
      architecture: 'published',
      hidden: 512,
      dimensions: 200,
      beta: 0.2,
      betaPer: 'user',
      annealing: 0.5,
      finalRate: 1,
      batchSize: 500,
      epochs: 200,
    },
  },
);
export type MultVaeOptions = v.InferOutput<typeof MultVaeOptions>;

/**
 * A variational autoencoder of a user's set of items with a multinomial likelihood (Liang et al. 2018). See
 * mult-vae-network.ts.
 */
export const multVae = defineRecommender({
  name: 'mult-vae',
  baseline: false,
  options: MultVaeOptions,
  search: {
    options: {
      hidden: choice(200, 400, 512),
      blocks: choice(1, 2, 3),
      dimensions: choice(64, 128, 200, 256),
      dropout: uniform(0.2, 0.7),
      beta: logUniform(5e-4, 2e-2),
      learningRate: logUniform(3e-4, 5e-3),
      batchSize: choice(125, 250, 500),
    },
    budget: { option: 'epochs', least: 2 },
  },
  async fit(train, options, run) {
    await openBackend();
    const problem = createProblem(train, options, run.seed);
    const parameters = initialise(problem);
    try {
      const stopAfter = await fitParameters(parameters, problem, run);
      return createModel(parameters, problem, { ...options, stopAfter });
    } finally {
      tf.dispose(parameters);
    }
  },
});
