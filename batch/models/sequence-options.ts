import * as v from 'valibot';

export const Count = v.pipe(v.number(), v.integer(), v.minValue(1));
export const Positive = v.pipe(v.number(), v.gtValue(0));
export const Share = v.pipe(v.number(), v.minValue(0), v.ltValue(1));

/** Options of how a sequence model is trained, whatever its network. Those without a default here are a profile's. */
export const sequenceEntries = {
  /** Newest events that the model reads. */
  maxHistory: v.optional(Count),
  /** Which next items are to be predicted: those not in the history, or any. Left out: what will be asked. */
  targets: v.optional(v.picklist(['new', 'any'])),
  /** Share of what the network lets drop within that a step does not see, and of the events' vectors that it is given. */
  dropout: v.optional(Share),
  inputDropout: v.optional(Share),
  /** What the item vectors are before the first step: drawn, or those of the truncated SVD (see spectralItemVectors). */
  start: v.optional(v.picklist(['random', 'spectral'])),
  /** Items drawn beside a batch's targets for its softmax; 'all': the catalogue up to 20,000 items, beyond that 2,048 draws. */
  negatives: v.optional(v.union([Count, v.literal('all')])),
  /** Events that a step reads. */
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
} as const;

export interface SequenceOptions {
  readonly targets?: 'new' | 'any' | undefined;
  readonly dropout: number;
  readonly inputDropout: number;
  readonly start: 'random' | 'spectral';
  readonly negatives: number | 'all';
  readonly positionsPerStep: number;
  readonly learningRate: number;
  readonly finalRate: number;
  readonly weightDecay: number;
  readonly epochs: number;
  readonly stopAfter?: number | undefined;
  readonly validations: number;
  readonly patience: number;
}
