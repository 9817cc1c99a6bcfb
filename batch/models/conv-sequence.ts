import * as v from 'valibot';
import { maximumDimensions } from '../../shared/release.ts';
import { defineRecommender } from '../recommender.ts';
import { choice, logUniform, uniform } from '../tune/dimensions.ts';
import { initialParameters, queriesAt, type Shape } from './conv-sequence-network.ts';
import { encoderInputs, encoderOnnx } from './conv-sequence-onnx.ts';
import { withProfiles } from './profile.ts';
import { fitSequence } from './sequence.ts';
import type { SequenceNetwork } from './sequence-network.ts';
import { Count, sequenceEntries } from './sequence-options.ts';

export const ConvSequenceOptions = withProfiles(
  {
    ...sequenceEntries,
    dimensions: v.optional(v.pipe(Count, v.maxValue(maximumDimensions))),
    /** Filters of a block; they have `maxHistory` taps. */
    channels: v.optional(Count),
    blocks: v.optional(Count),
  },
  {
    fast: {
      dimensions: 64,
      channels: 128,
      blocks: 1,
      maxHistory: 50,
      dropout: 0.1,
      inputDropout: 0,
      start: 'random',
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
      inputDropout: 0,
      start: 'random',
      negatives: 'all',
      learningRate: 3e-3,
      epochs: 6,
    },
    /** For users of some ten events each. */
    sparse: {
      dimensions: 64,
      channels: 64,
      blocks: 1,
      maxHistory: 50,
      dropout: 0.3,
      inputDropout: 0.3,
      start: 'spectral',
      negatives: 1_024,
      learningRate: 3e-3,
      epochs: 12,
    },
  },
);
export type ConvSequenceOptions = v.InferOutput<typeof ConvSequenceOptions>;

export const convSequenceNetwork = (shape: Shape): SequenceNetwork => ({
  name: 'conv-sequence',
  maxHistory: shape.maxHistory,
  initial: (catalogue, draw) => initialParameters(shape, catalogue, draw),
  queriesAt,
  encoder: (parameters) => ({ onnx: encoderOnnx(parameters), inputs: encoderInputs }),
});

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
      inputDropout: uniform(0, 0.4),
      start: choice('random', 'spectral'),
      learningRate: logUniform(1e-3, 1e-2),
      weightDecay: logUniform(5e-3, 0.2),
    },
    budget: { option: 'epochs', least: 1 },
  },
  fit: (train, options, run) => fitSequence(train, convSequenceNetwork(options), options, run),
});
