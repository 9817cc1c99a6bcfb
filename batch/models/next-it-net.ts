import * as v from 'valibot';
import { maximumDimensions } from '../../shared/release.ts';
import { defineRecommender } from '../recommender.ts';
import { choice, logUniform, uniform } from '../tune/dimensions.ts';
import { initialParameters, queriesAt, type Shape } from './next-it-net-network.ts';
import { encoderOnnx } from './next-it-net-onnx.ts';
import { withProfiles } from './profile.ts';
import { fitSequence } from './sequence.ts';
import type { SequenceNetwork } from './sequence-network.ts';
import { Count, sequenceEntries } from './sequence-options.ts';

export const NextItNetOptions = withProfiles(
  {
    ...sequenceEntries,
    dimensions: v.optional(v.pipe(Count, v.maxValue(maximumDimensions))),
    /** Dilation of each block's first convolution; its second has twice that. */
    dilations: v.optional(v.pipe(v.array(Count), v.minLength(1))),
    weightDecay: v.optional(v.pipe(v.number(), v.minValue(0)), 0),
  },
  {
    fast: {
      dimensions: 64,
      dilations: [1, 4],
      maxHistory: 50,
      dropout: 0,
      inputDropout: 0,
      start: 'random',
      negatives: 256,
      learningRate: 2e-3,
      epochs: 8,
    },
    full: {
      dimensions: 64,
      dilations: [1, 4, 1, 4],
      maxHistory: 100,
      dropout: 0,
      inputDropout: 0,
      start: 'random',
      negatives: 'all',
      learningRate: 1e-3,
      epochs: 10,
    },
  },
);

export const nextItNetNetwork = (shape: Shape): SequenceNetwork => ({
  name: 'next-it-net',
  maxHistory: shape.maxHistory,
  initial: (catalogue, draw) => initialParameters(shape, catalogue, draw),
  queriesAt: (parameters, events, places, drop) => queriesAt(shape, parameters, events, places, drop),
  encoder: (parameters) => ({ onnx: encoderOnnx(shape, parameters), inputs: ['rows'] }),
});

/** The published stack of dilated causal convolutions (Yuan et al. 2019). See next-it-net-network.ts. */
export const nextItNet = defineRecommender({
  name: 'next-it-net',
  baseline: false,
  options: NextItNetOptions,
  search: {
    options: {
      dimensions: choice(50, 64, 100),
      maxHistory: choice(50, 100),
      dropout: uniform(0, 0.5),
      learningRate: logUniform(5e-4, 1e-2),
    },
    budget: { option: 'epochs', least: 1 },
  },
  fit: (train, options, run) => fitSequence(train, nextItNetNetwork(options), options, run),
});
