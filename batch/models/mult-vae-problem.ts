import { FitError } from '../../shared/errors.ts';
import { itemWeights } from '../../shared/features.ts';
import { type History, latest } from '../../shared/history.ts';
import { type Dataset, historyOf } from '../data/dataset.ts';
import type { MultVaeOptions } from './mult-vae.ts';
import { popularityScores } from './popularity.ts';

const itemsForFullSoftmax = 10_000;
const sampledNegatives = 2_048;
/** Of few users, batches are so small that an epoch has these many: it is steps that train. */
const fewestBatches = 4;

/** What a user has chosen, as a set: different items and what each counts, as a vector of length 1. */
export interface ItemSet {
  readonly items: Int32Array;
  readonly values: Float32Array;
}

/** What stays the same throughout a fit. */
export interface Problem {
  readonly train: Dataset;
  readonly options: MultVaeOptions;
  readonly seed: number;
  readonly popularity: Float32Array;
  /** Of each user of whom something counts. */
  readonly users: readonly ItemSet[];
  readonly batchSize: number;
  readonly stepsPerEpoch: number;
  /** Over which the learning rate falls. */
  readonly steps: number;
  /** Items drawn for a batch's softmax; undefined: all. */
  readonly negatives: number | undefined;
  /** [rows] average count of each item in one user's set. */
  readonly frequency: Float32Array;
}

/** The set of a history's newest `length` events; events that weigh nothing are not in it. */
export function itemSet(history: History, length: number): ItemSet {
  const read = latest(history, length);
  const weights = itemWeights(read);
  const items = read.items.filter((_, at) => weights[at]! > 0);
  const values = weights.filter((weight) => weight > 0);
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return { items, values: values.map((value) => value / norm) };
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
  const frequency = new Float32Array(train.itemIds.length);
  for (const { items } of users) for (const item of items) frequency[item]! += 1 / users.length;
  return {
    train,
    options,
    seed,
    popularity: popularityScores(train, {}),
    users,
    batchSize,
    stepsPerEpoch,
    steps: options.epochs * stepsPerEpoch,
    negatives: full || options.negatives === 'all' ? undefined : (options.negatives ?? sampledNegatives),
    frequency,
  };
}
