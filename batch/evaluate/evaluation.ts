import type { Estimate } from '../../shared/release.ts';

/** The primary metric in each part of the queries, by one property of the query or its targets. */
export interface SliceGroup {
  readonly by: string;
  readonly slices: readonly {
    readonly label: string;
    readonly queries: number;
    readonly estimate: Estimate;
  }[];
}

/** One query, drawn by chance and the same for every model of a run. Item indices; the newest of the history last. */
export interface Example {
  readonly query: number;
  readonly history: readonly number[];
  readonly targets: readonly number[];
  readonly ranked: readonly number[];
}

/** One model on one evaluation set. */
export interface Evaluation {
  readonly protocol: string;
  readonly queries: number;
  /** The metric that models are compared by. */
  readonly primary: string;
  /**
   * `<metric>@<k>`: recall, ndcg, hit, mrr, map in [0, 1]; novelty in bits; coverage in [0, 1], a property of the
   * whole set of queries, whose interval is therefore the value itself.
   */
  readonly metrics: Readonly<Record<string, Estimate>>;
  /** [queries] values of every metric that is a mean over queries: all but coverage. */
  readonly perQuery: Readonly<Record<string, Float32Array>>;
  readonly slices: readonly SliceGroup[];
  /** Cumulative share of the recommended places (first k of the primary metric) held by the most popular 1/50, 2/50, … items. */
  readonly exposure: readonly number[];
  readonly examples: readonly Example[];
}

/** The figure that models are compared by. */
export const primaryOf = ({ metrics, primary }: Evaluation): number => metrics[primary]!.value;
