import * as v from 'valibot';
import { maximumDimensions } from '../../shared/release.ts';
import { defineRecommender } from '../recommender.ts';
import { choice, logUniform, uniform } from '../tune/dimensions.ts';
import { initialParameters, queriesAt, type Shape } from './caser-network.ts';
import { encoderOnnx } from './caser-onnx.ts';
import { withProfiles } from './profile.ts';
import { fitSequence } from './sequence.ts';
import type { SequenceNetwork } from './sequence-network.ts';
import { Count, sequenceEntries } from './sequence-options.ts';

export const CaserOptions = withProfiles(
  {
    ...sequenceEntries,
    dimensions: v.optional(v.pipe(Count, v.maxValue(maximumDimensions))),
    /** Filters of each height from 1 to `maxHistory` events. */
    horizontal: v.optional(Count, 16),
    /** Filters over all events of one dimension. */
    vertical: v.optional(Count, 4),
    weightDecay: v.optional(v.pipe(v.number(), v.minValue(0)), 0),
  },
  {
    fast: {
      dimensions: 50,
      maxHistory: 5,
      dropout: 0.5,
      inputDropout: 0,
      start: 'random',
      negatives: 256,
      learningRate: 3e-3,
      epochs: 8,
    },
    full: {
      dimensions: 50,
      maxHistory: 5,
      dropout: 0.5,
      inputDropout: 0,
      start: 'random',
      negatives: 'all',
      learningRate: 2e-3,
      epochs: 16,
    },
  },
);

/** Events of a training window. A query sees the newest few of them, so that it is only a window's first that see fewer. */
const window = 50;

export const caserNetwork = (shape: Shape): SequenceNetwork => ({
  name: 'caser',
  maxHistory: shape.maxHistory,
  window: Math.max(window, shape.maxHistory),
  initial: (catalogue, draw) => initialParameters(shape, catalogue, draw),
  queriesAt: (parameters, events, places, drop) => queriesAt(shape, parameters, events, places, drop),
  encoder: (parameters) => ({ onnx: encoderOnnx(shape, parameters), inputs: ['rows'] }),
});

/** The published convolutional model of the last few events (Tang & Wang 2018), without its users. See caser-network.ts. */
export const caser = defineRecommender({
  name: 'caser',
  baseline: false,
  options: CaserOptions,
  search: {
    options: {
      dimensions: choice(50, 64, 100),
      maxHistory: choice(3, 5, 9),
      dropout: uniform(0, 0.5),
      learningRate: logUniform(5e-4, 1e-2),
    },
    budget: { option: 'epochs', least: 1 },
  },
  fit: (train, options, run) => fitSequence(train, caserNetwork(options), options, run),
});
