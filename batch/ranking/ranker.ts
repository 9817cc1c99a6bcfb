import type { GenericSchema } from 'valibot';
import type { History } from '../../shared/history.ts';
import type { Dataset } from '../data/dataset.ts';
import type { RankerArtifact, Run } from '../recommender.ts';

/** Events with labels: what weighs something was wanted, what weighs 0 was not. */
export interface LabelledEvents extends Dataset {
  /** [events] 1 where an event was drawn to be a negative: it is no part of anybody's history. */
  readonly drawn: Uint8Array;
}

/** Rows whose labels are to be predicted: is this item wanted by somebody with this history, in this context? */
export interface RankingRows {
  /** [users] what is known of each user. */
  readonly histories: readonly History[];
  /** [rows] user index. Rows of one user lie together. */
  readonly users: Int32Array;
  /** [rows] item index. */
  readonly items: Int32Array;
  /** Of each context feature [rows] its number. */
  readonly context: readonly Int32Array[];
}

/** The same with the answers. */
export interface LabelledRows extends RankingRows {
  /** [rows] 1 where the item was wanted. */
  readonly labels: Uint8Array;
}

/**
 * What a ranker and its baselines learn from and are measured on. What is fitted on `train` is stopped and calibrated on
 * `validation` and measured on `test`.
 */
export interface RankingSplit {
  readonly train: LabelledEvents;
  readonly validation: LabelledRows;
  readonly test: LabelledRows;
  /** In words, for every table. */
  readonly protocol: string;
}

/** Probabilities [rows] that the rows' items are wanted. */
export type ScoreRows = (rows: RankingRows) => Promise<Float32Array>;

export interface RankerModel extends Disposable {
  readonly fittedOptions: unknown;
  readonly score: ScoreRows;
  export(): Promise<RankerArtifact>;
}

/** A learner of probabilities. One file in models/ defines one; index.ts lists it. */
export interface Ranker<Options = unknown> {
  readonly name: string;
  /** Validates options and fills defaults; `{}` must be valid and sensible on data never seen. */
  readonly options: GenericSchema<unknown, Options>;
  /**
   * Learns from `split.train`, and from `split.validation` when to stop and how sure to be. Deterministic: same data, options
   * and `run.seed`, same model, byte for byte.
   * @throws FitError
   */
  fit(
    split: Pick<RankingSplit, 'train' | 'validation'>,
    options: Options,
    run: RankerRun,
  ): Promise<RankerModel>;
}

/** What surrounds a ranker's fit. */
export type RankerRun = Pick<Run, 'seed' | 'signal' | 'checkpoints' | 'progress' | 'curve'>;

/** Gives a literal its types. */
export const defineRanker = <Options>(ranker: Ranker<Options>): Ranker<Options> => ranker;
