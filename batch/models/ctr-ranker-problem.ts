import { FitError } from '../../shared/errors.ts';
import type { LabelledEvents, RankingSplit } from '../ranking/ranker.ts';
import type { Batches } from '../training/batches.ts';
import { inSharedMemory, shared } from '../training/shared-memory.ts';
import type { CtrRankerOptions } from './ctr-ranker.ts';
import { batches, type LabelledBatch, type RowColumns } from './ctr-ranker-batches.ts';
import { type ItemFeatures, itemFeatures } from './two-tower-features.ts';

/** What stays the same throughout a fit. */
export interface Problem {
  readonly train: LabelledEvents;
  readonly validation: RankingSplit['validation'];
  readonly options: CtrRankerOptions;
  readonly seed: number;
  readonly features: ItemFeatures;
  /** Of each context feature its values, the unknown one included. */
  readonly contextSizes: readonly number[];
  readonly stepsPerEpoch: number;
  readonly batches: Batches<LabelledBatch>;
}

/** @throws FitError when there is nothing to learn from */
export function createProblem(
  { train, validation }: Pick<RankingSplit, 'train' | 'validation'>,
  options: CtrRankerOptions,
  seed: number,
): Problem {
  const wanted = train.weights.reduce((sum, weight) => sum + Number(weight > 0), 0);
  if (wanted === 0 || wanted === train.items.length) {
    throw new FitError(
      `ctr-ranker: expected rows of both labels, found ${wanted} of ${train.items.length} wanted`,
    );
  }
  const stepsPerEpoch = Math.max(1, Math.round(train.items.length / options.batchSize));
  return {
    train,
    validation,
    options,
    seed,
    features: itemFeatures(train),
    contextSizes: train.context?.values.map((values) => values.length + 1) ?? [],
    stepsPerEpoch,
    batches: batches({ seed, rows: columnsOf(train), stepsPerEpoch, options }),
  };
}

const columnsOf = (train: LabelledEvents): RowColumns => ({
  offsets: inSharedMemory(train.offsets),
  items: inSharedMemory(train.items),
  times: inSharedMemory(train.times),
  weights: inSharedMemory(train.weights),
  drawn: shared(Int32Array.from(train.drawn)),
  context: train.context?.columns.map(inSharedMemory) ?? [],
});
