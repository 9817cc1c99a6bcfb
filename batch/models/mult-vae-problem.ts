import { FitError } from '../../shared/errors.ts';
import { type Dataset, historyOf } from '../data/dataset.ts';
import type { Batches } from '../training/batches.ts';
import { shared } from '../training/shared-memory.ts';
import type { MultVaeOptions } from './mult-vae.ts';
import { batches, type MultVaeBatch, type SetColumns, tablesByRows } from './mult-vae-batches.ts';
import { bagsOf, type ItemSet, itemSet } from './mult-vae-sets.ts';
import { popularityScores } from './popularity.ts';

const itemsForFullSoftmax = 10_000;
const sampledNegatives = 2_048;
/** Of few users, batches are so small that an epoch has these many: it is steps that train. */
const fewestBatches = 4;

/** What stays the same throughout a fit. */
export interface Problem {
  readonly train: Dataset;
  readonly options: MultVaeOptions;
  readonly seed: number;
  readonly popularity: Float32Array;
  readonly stepsPerEpoch: number;
  /** Over which the learning rate falls. */
  readonly steps: number;
  /** [rows] average count of each item in one user's set. */
  readonly frequency: Float32Array;
  /** Tables of which a step reads but the rows of its batch. */
  readonly byRows: readonly string[];
  readonly batches: Batches<MultVaeBatch>;
}

/** @throws FitError when nobody has an item that counts */
export function createProblem(train: Dataset, options: MultVaeOptions, seed: number): Problem {
  const users = train.userIds
    .map((_, user) => itemSet(historyOf(train, user), options.maxHistory))
    .filter(({ items }) => items.length > 0);
  if (users.length === 0) {
    throw new FitError(
      `mult-vae: expected users with events that weigh more than 0, found none among ${train.userIds.length}`,
    );
  }
  const batchSize = Math.min(options.batchSize, Math.max(1, Math.floor(users.length / fewestBatches)));
  const stepsPerEpoch = Math.floor(users.length / batchSize);
  const full = options.negatives === undefined && train.itemIds.length <= itemsForFullSoftmax;
  const negatives = full || options.negatives === 'all' ? undefined : (options.negatives ?? sampledNegatives);
  const frequency = shared(new Float32Array(train.itemIds.length));
  for (const { items } of users) for (const item of items) frequency[item]! += 1 / users.length;
  const { dropout, dimensions } = options;
  return {
    train,
    options,
    seed,
    popularity: popularityScores(train, {}),
    stepsPerEpoch,
    steps: options.epochs * stepsPerEpoch,
    frequency,
    byRows: negatives === undefined ? [] : tablesByRows,
    batches: batches({
      seed,
      sets: columnsOf(users),
      batchSize,
      stepsPerEpoch,
      negatives,
      frequency,
      dropout,
      dimensions,
    }),
  };
}

function columnsOf(users: readonly ItemSet[]): SetColumns {
  const { items, values } = bagsOf(users);
  const offsets = new Int32Array(users.length + 1);
  for (const [user, own] of users.entries()) offsets[user + 1] = offsets[user]! + own.items.length;
  return { offsets: shared(offsets), items: shared(items), values: shared(values) };
}
