import * as tf from '@tensorflow/tfjs-core';
import * as v from 'valibot';
import { maximumDimensions } from '../../shared/release.ts';
import { openBackend } from '../backend/index.ts';
import { defineRecommender } from '../recommender.ts';
import { choice, logUniform, uniform } from '../tune/dimensions.ts';
import { createModel } from './conv-sequence-model.ts';
import { createProblem, fitParameters, initialise } from './conv-sequence-training.ts';
import { withProfiles } from './profile.ts';

const Count = v.pipe(v.number(), v.integer(), v.minValue(1));
const Positive = v.pipe(v.number(), v.gtValue(0));
const Share = v.pipe(v.number(), v.minValue(0), v.ltValue(1));

export const ConvSequenceOptions = withProfiles(
  {
    dimensions: v.optional(v.pipe(Count, v.maxValue(maximumDimensions))),
    /** Filters of a block. */
    channels: v.optional(Count),
    blocks: v.optional(Count),
    /** Newest events that the model reads, and the taps of its filters. */
    maxHistory: v.optional(Count),
    /** Which next items are to be predicted: those not in the history, or any. Left out: what will be asked. */
    targets: v.optional(v.picklist(['new', 'any'])),
    /** Share of a block's outputs that a step does not see. */
    dropout: v.optional(Share),
    /** Items drawn beside a batch's targets for its softmax; 'all': the catalogue up to 20,000 items, beyond that 2,048 draws. */
    negatives: v.optional(v.union([Count, v.literal('all')])),
    /** Events that a step reads: windows of `maxHistory` of them. */
    positionsPerStep: v.optional(Count, 3_200),
    learningRate: v.optional(Positive),
    /** Share of the learning rate that is left at the end of `epochs`; it falls as a cosine. */
    finalRate: v.optional(Share, 0.01),
    weightDecay: v.optional(v.pipe(v.number(), v.minValue(0)), 0.05),
    /** Passes over all histories. */
    epochs: v.optional(Count),
    /** Epoch at which to end, on the way to `epochs`: what validation found. */
    stopAfter: v.optional(v.pipe(v.number(), v.minValue(0))),
    /** Validations in all, and in a row without a new best, after which training ends. */
    validations: v.optional(Count, 8),
    patience: v.optional(Count, 4),
  },
  {
    fast: {
      dimensions: 64,
      channels: 128,
      blocks: 1,
      maxHistory: 50,
      dropout: 0.1,
      negatives: 256,
      learningRate: 5e-3,
      epochs: 8,
    },
    full: {
      dimensions: 128,
      channels: 128,
      blocks: 2,
      maxHistory: 200,
      dropout: 0.2,
      negatives: 'all',
      learningRate: 3e-3,
      epochs: 6,
    },
  },
);
export type ConvSequenceOptions = v.InferOutput<typeof ConvSequenceOptions>;

/**
 * A gated long convolution over the history in its order, trained to predict every next event. See conv-sequence-network.ts.
 */
export const convSequence = defineRecommender({
  name: 'conv-sequence',
  baseline: false,
  options: ConvSequenceOptions,
  search: {
    options: {
      dimensions: choice(64, 96, 128),
      channels: choice(64, 128, 192),
      blocks: choice(1, 2),
      maxHistory: choice(50, 100, 200),
      negatives: choice(256, 1_024, 'all'),
      dropout: uniform(0, 0.4),
      learningRate: logUniform(1e-3, 1e-2),
      weightDecay: logUniform(5e-3, 0.2),
    },
    budget: { option: 'epochs', least: 1 },
  },
  async fit(train, given, run) {
    await openBackend();
    const problem = createProblem(train, given, run);
    const parameters = initialise(problem);
    try {
      const stopAfter = await fitParameters(parameters, problem, run);
      return createModel(parameters, problem, { ...problem.options, stopAfter });
    } finally {
      tf.dispose(parameters);
    }
  },
});
