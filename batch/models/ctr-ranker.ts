import * as tf from '@tensorflow/tfjs-core';
import * as v from 'valibot';
import { limits } from '../../shared/api.ts';
import { openBackend } from '../backend/index.ts';
import { defineRanker } from '../ranking/ranker.ts';
import { createModel } from './ctr-ranker-model.ts';
import { createProblem } from './ctr-ranker-problem.ts';
import { fitParameters, initialise } from './ctr-ranker-training.ts';
import { withProfiles } from './profile.ts';

const Count = v.pipe(v.number(), v.integer(), v.minValue(1));
const Positive = v.pipe(v.number(), v.gtValue(0));
const Share = v.pipe(v.number(), v.minValue(0), v.ltValue(1));

const full = {
  dimensions: 32,
  heads: 4,
  headWidth: 12,
  hidden: [128, 64],
  maxHistory: 500,
  epochs: 30,
} as const;

export const CtrRankerOptions = withProfiles(
  {
    /** Width of an item's row. */
    dimensions: v.optional(v.pipe(Count, v.minValue(8), v.maxValue(256))),
    /** Attention heads, and the width of each. */
    heads: v.optional(Count),
    headWidth: v.optional(Count),
    /** Width of a context value's embedding. */
    contextWidth: v.optional(Count, 8),
    crossLayers: v.optional(Count, 2),
    /** Rank of a cross layer's matrix. */
    crossRank: v.optional(Count, 48),
    /** Widths of the deep layers beside the cross layers. */
    hidden: v.optional(v.pipe(v.array(Count), v.minLength(1))),
    dropout: v.optional(Share, 0),
    /** Newest events of a history that the model reads. */
    maxHistory: v.optional(v.pipe(Count, v.maxValue(limits.history))),
    /** Share of a user's rows that a step asks for; the others are the history. */
    targetShare: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(1)), 0.25),
    /** Rows, histories included, of a step. */
    batchSize: v.optional(Count, 4_096),
    learningRate: v.optional(Positive, 4e-3),
    /** Share of the learning rate that is left at the end of `epochs`; it falls as a cosine. */
    finalRate: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 0.02),
    weightDecay: v.optional(v.pipe(v.number(), v.minValue(0)), 0.02),
    /** Passes over the users, in each of which `targetShare` of the rows are asked for. */
    epochs: v.optional(Count),
    validationsPerEpoch: v.optional(Positive, 1),
    /** Validations in a row without a new best after which training ends. */
    patience: v.optional(Count, 6),
  },
  { fast: { ...full, epochs: 12 }, full },
);
export type CtrRankerOptions = v.InferOutput<typeof CtrRankerOptions>;

/** The probability that an item is wanted: DCN-v2 with attention over the history. See ctr-ranker-network.ts. */
export const ctrRanker = defineRanker({
  name: 'ctr-ranker',
  options: CtrRankerOptions,
  async fit(split, options, run) {
    await openBackend();
    const problem = createProblem(split, options, run.seed);
    const parameters = initialise(problem);
    try {
      await fitParameters(parameters, problem, run);
      return await createModel(parameters, problem, options);
    } finally {
      tf.dispose(parameters);
    }
  },
});
