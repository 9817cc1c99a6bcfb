import { FitError } from '../../shared/errors.ts';
import type { Dataset } from '../data/dataset.ts';
import {
  type Cuts,
  type Example,
  epochOrder,
  epochSize,
  exampleAt,
  findCuts,
  stream,
} from '../training/examples.ts';
import { popularityScores } from './popularity.ts';
import type { TwoTowerOptions } from './two-tower.ts';
import { type ItemFeatures, itemFeatures } from './two-tower-features.ts';

const itemsForFullSoftmax = 10_000;
const sampledNegatives = 1_024;

/** What stays the same throughout a fit. */
export interface Problem {
  readonly train: Dataset;
  readonly options: TwoTowerOptions;
  readonly seed: number;
  readonly features: ItemFeatures;
  readonly popularity: Float32Array;
  readonly cuts: Cuts;
  readonly stepsPerEpoch: number;
  /** Items drawn for a batch's softmax; undefined: all. */
  readonly negatives: number | undefined;
  /** [rows] expected count of each item among one example's targets, taken as what it is among all events. */
  readonly frequency: Float32Array;
  /** What an example counts. */
  readonly recency: (example: Example) => number;
}

/** @throws FitError when nobody has a second basket */
export function createProblem(train: Dataset, options: TwoTowerOptions, seed: number): Problem {
  const cuts = findCuts(train, options.targets);
  const examples = cuts.users.length;
  if (examples === 0) {
    throw new FitError(
      `two-tower: expected users with a new item after their first basket, found none among ${train.userIds.length}`,
    );
  }
  const full = options.negatives === undefined && train.itemIds.length <= itemsForFullSoftmax;
  const negatives = full || options.negatives === 'all' ? undefined : (options.negatives ?? sampledNegatives);
  return {
    train,
    options,
    seed,
    features: itemFeatures(train.attributes),
    popularity: popularityScores(train, {}),
    cuts,
    stepsPerEpoch: Math.max(1, Math.floor(epochSize(cuts, options.examplesPerUser) / options.batchSize)),
    negatives,
    frequency: targetFrequency(train),
    recency: recencyWeight(train, options.halfLifeDays),
  };
}

const secondsPerDay = 86_400;
/** What a choice of long ago still counts, so that old data is damped and not thrown away. */
const leastRecency = 0.1;

/** 2^(−age / half-life), not below {@link leastRecency}; ages count back from the newest event. */
function recencyWeight({ times }: Dataset, halfLifeDays: number | null): Problem['recency'] {
  const newest = times.reduce((latest, time) => Math.max(latest, time), 0);
  return ({ time }) =>
    time > 0 && halfLifeDays !== null
      ? Math.max(leastRecency, 2 ** ((time - newest) / (halfLifeDays * secondsPerDay)))
      : 1;
}

/** [rows] events on each item, for one basket of average length. */
function targetFrequency({ items, baskets, itemIds }: Dataset): Float32Array {
  const count = baskets === undefined ? items.length : new Set(baskets).size;
  const frequency = new Float32Array(itemIds.length);
  for (const item of items) frequency[item]! += 1 / count;
  return frequency;
}

/** The examples of each step; the order of the epoch at hand is kept, not that of others. */
export function createBatches({
  train,
  options,
  seed,
  cuts,
  stepsPerEpoch,
}: Problem): (step: number) => Example[] {
  let order: { epoch: number; examples: Int32Array } | undefined;
  return (step) => {
    const epoch = Math.floor(step / stepsPerEpoch);
    if (order?.epoch !== epoch) {
      order = { epoch, examples: epochOrder(cuts, options.examplesPerUser, stream(seed, 'epoch', epoch)) };
    }
    const start = (step % stepsPerEpoch) * options.batchSize;
    return Array.from(order.examples.subarray(start, start + options.batchSize), (at) =>
      exampleAt(train, cuts, at, options.targets),
    );
  };
}
