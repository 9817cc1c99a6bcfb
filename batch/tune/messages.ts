import type { BackendName } from '../backend/index.ts';
import type { Config } from '../config.ts';
import type { GivenOptions } from './points.ts';

/** What a trial's process works on: sent once, first. */
export interface Assignment {
  readonly kind: 'assignment';
  readonly config: Config;
  /** Relative source paths start here; a relative store address starts at `configDirectory`. */
  readonly baseDirectory: string;
  readonly configDirectory: string;
  readonly cacheDirectory: string;
  readonly backend: BackendName;
}

/** One fit. */
export interface Task {
  readonly kind: 'task';
  readonly model: string;
  /** As a config would give them. */
  readonly options: GivenOptions;
}

export type ToWorker = Assignment | Task | { readonly kind: 'stop' };

/** What a fit came to, on the validation split. */
export interface Result {
  /** Of the primary metric, and its value for each query. */
  readonly figure: number;
  readonly perQuery: Float32Array;
  /** Whether an earlier run had kept it. */
  readonly reused: boolean;
}

export type FromWorker =
  | { readonly kind: 'progress'; readonly fraction: number }
  | { readonly kind: 'result'; readonly result: Result }
  /** The model cannot be fitted with these options. */
  | { readonly kind: 'unfit'; readonly message: string }
  | { readonly kind: 'error'; readonly message: string };
