import { FitError } from '../../shared/errors.ts';
import { type Dataset, sharedEvents } from '../data/dataset.ts';
import type { Batches } from '../training/batches.ts';
import { epochSize, findCuts } from '../training/examples.ts';
import { inSharedMemory } from '../training/shared-memory.ts';
import { popularityScores } from './popularity.ts';
import type { TwoTowerOptions } from './two-tower.ts';
import { batches, type TwoTowerBatch } from './two-tower-batches.ts';
import { type ColdItems, coldItems } from './two-tower-cold.ts';
import { type ItemFeatures, itemFeatures } from './two-tower-features.ts';

const itemsForFullSoftmax = 10_000;
const sampledNegatives = 1_024;

/** What stays the same throughout a fit. */
export interface Problem {
  readonly train: Dataset;
  readonly options: TwoTowerOptions;
  readonly seed: number;
  readonly features: ItemFeatures;
  readonly cold: ColdItems | undefined;
  readonly popularity: Float32Array;
  readonly stepsPerEpoch: number;
  /** Tables of which a step reads but the rows of its batch. */
  readonly byRows: readonly ('items' | 'history')[];
  readonly batches: Batches<TwoTowerBatch>;
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
  const size = epochSize(cuts, options.examplesPerUser);
  const features = itemFeatures(train);
  const stepsPerEpoch = Math.max(1, Math.floor(size / options.batchSize));
  return {
    train,
    options,
    seed,
    features,
    cold: coldItems(features, train.items, train.itemIds.length),
    popularity: popularityScores(train, {}),
    stepsPerEpoch,
    byRows: negatives === undefined ? ['history'] : ['history', 'items'],
    batches: batches({
      seed,
      options,
      features: sharedFeatures(features),
      events: sharedEvents(train),
      cuts,
      stepsPerEpoch,
      negatives,
      frequency: inSharedMemory(targetFrequency(train)),
    }),
  };
}

const sharedFeatures = ({ count, items, features, weights }: ItemFeatures): ItemFeatures => ({
  count,
  items: inSharedMemory(items),
  features: inSharedMemory(features),
  weights: inSharedMemory(weights),
});

/** [rows] events on each item, for one basket of average length. */
function targetFrequency({ items, baskets, itemIds }: Dataset): Float32Array {
  const count = baskets === undefined ? items.length : new Set(baskets).size;
  const frequency = new Float32Array(itemIds.length);
  for (const item of items) frequency[item]! += 1 / count;
  return frequency;
}
