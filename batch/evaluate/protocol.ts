import type { Dataset } from '../data/dataset.ts';
import type { Query } from '../recommender.ts';

/** Who is asked what, and which answers are right. */
export interface EvaluationSet {
  readonly queries: readonly Query[];
  /** [queries] the relevant items of each, distinct; never empty. */
  readonly targets: readonly Int32Array[];
  /** Whether a query's own history is left out of its ranking. */
  readonly excludeHistory: boolean;
  /** The items that are ranked, ascending. Absent, as nearly everywhere: the whole catalogue. */
  readonly candidates?: Int32Array;
  /** In words, for every table: 'last basket, new items, all 3,659 items ranked'. */
  readonly protocol: string;
}

/**
 * What a split yields. Models are chosen on `validation` after fitting on `train`; the test figures are of
 * models fitted on `trainAndValidation`.
 */
export interface Split {
  readonly train: Dataset;
  readonly validation: EvaluationSet;
  readonly trainAndValidation: Dataset;
  readonly test: EvaluationSet;
}
