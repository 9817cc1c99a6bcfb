import type { GenericSchema } from 'valibot';
import type { EncoderInput, RankerInput } from '../shared/features.ts';
import type { History } from '../shared/history.ts';
import type { SplitConfig } from './config.ts';
import type { Dataset } from './data/dataset.ts';
import type { Dimension } from './tune/dimensions.ts';

/** What a model is asked: to rank items for somebody with this history. Possibly empty. */
export interface Query {
  readonly history: History;
}

/**
 * A recommendation algorithm. One file in models/ defines one; index.ts lists it.
 * @typeParam Options what its schema yields: every default filled in
 */
export interface Recommender<Options = unknown> {
  readonly name: string;
  /** Baselines stand in every table and may be served, but are not what a run is for. */
  readonly baseline: boolean;
  /** Of a baseline that answers one question only: the kinds of split that ask it. Left out: all. */
  readonly splits?: readonly SplitConfig['kind'][];
  /** Validates options and fills defaults; `{}` must be valid and sensible on data never seen. */
  readonly options: GenericSchema<unknown, Options>;
  /** What `perigee tune` may vary; a model without it cannot be tuned. */
  readonly search?: SearchSpace;
  /**
   * Learns from `train`. Deterministic: same data, options and `run.seed`, same model, byte for byte.
   * @throws FitError
   */
  fit(train: Dataset, options: Options, run: Run): Promise<Model>;
}

/** Which options a search draws, each from where. What is drawn still has to pass the model's schema. */
export interface SearchSpace {
  readonly options: Readonly<Record<string, Dimension>>;
  /**
   * The option that says how long a fit may take, in proportion: most trials are given little of it, the best of them more.
   * A model whose fits all take alike has none.
   */
  readonly budget?: {
    readonly option: string;
    /** Below this a figure says nothing of what more would bring. A whole number: the option takes only these. */
    readonly least: number;
    /** What the option is where neither the config nor its profile says. */
    readonly most?: number;
  };
}

/** Gives a literal its types. */
export const defineRecommender = <Options>(recommender: Recommender<Options>): Recommender<Options> =>
  recommender;

/** A trained recommender. Knows users only by their history. */
export interface Model extends Disposable {
  /**
   * The options with which fitting on more data repeats this recipe without a validation split: what early
   * stopping decided (epochs, say) is filled in.
   */
  readonly fittedOptions: unknown;
  /**
   * Scores candidates[i] for queries[i] (result[i][j] belongs to candidates[i][j]), or every item
   * (result[i][itemIndex]; index 0 is meaningless). Higher is better; only the order within one query counts.
   */
  score(queries: readonly Query[], candidates?: readonly Int32Array[]): Promise<Float32Array[]>;
  export(): Promise<Artifact>;
}

/** Row-major float32 [rows, dimensions]; row 0 is padding, all zeros. */
export interface EmbeddingTable {
  readonly rows: number;
  readonly dimensions: number;
  readonly values: Float32Array;
  /** [rows], added to the dot product. Only in a table that is scanned. */
  readonly bias?: Float32Array;
}

/** What a model hands to the release, before quantisation. See shared/release.ts for what each kind means. */
export type Artifact =
  | {
      readonly kind: 'embedding';
      readonly items: EmbeddingTable;
      /** The table whose rows the encoder receives; leave it out where it is `items`. */
      readonly history?: EmbeddingTable;
      readonly encoder: { readonly onnx: Uint8Array; readonly inputs: readonly EncoderInput[] };
      /** Events of a history that the encoder was trained to read. */
      readonly maxHistory: number;
    }
  | {
      readonly kind: 'neighbours';
      readonly rows: number;
      readonly width: number;
      /** [rows · width] item indices; 0 in unused places. */
      readonly items: Uint32Array;
      /** [rows · width]; row i holds the weights from history item i to its neighbours. */
      readonly weights: Float32Array;
    }
  | { readonly kind: 'none' };

/**
 * What a ranker hands to the release: it re-scores the candidates that another model retrieved. The network holds no
 * table of the catalogue's size and its calibration is part of it. See `rankerInputs` in shared/features.ts.
 */
export interface RankerArtifact {
  readonly kind: 'ranker';
  /** What the network receives of candidates and of the history's items. No bias. */
  readonly items: EmbeddingTable;
  readonly network: { readonly onnx: Uint8Array; readonly inputs: readonly RankerInput[] };
  /** Features of a request beside its history, in the order of the input `context`; value i has the number i + 1. */
  readonly context: readonly { readonly name: string; readonly values: readonly string[] }[];
  /** Events of a history that it was trained to read. */
  readonly maxHistory: number;
}

/** What surrounds a fit: chance, progress, early stopping, checkpoints. Models never reach for the outside themselves. */
export interface Run {
  readonly seed: number;
  /** What will be asked: items that are not in the history, or any. */
  readonly targets: 'new' | 'any';
  readonly signal: AbortSignal;
  /** Early stopping: the primary metric on the validation split, higher is better. Absent when refitting. */
  readonly validate?: (score: Model['score']) => Promise<number>;
  readonly checkpoints: Checkpoints;
  /** One line for whoever watches: what is being done, how far (0…1). */
  progress(message: string, fraction: number): void;
  /** A point of a training curve, shown in the report: (`loss`, 120, 4.31). */
  curve(series: string, step: number, value: number): void;
}

/** Where a fit keeps its state so that a killed one goes on. One slot a fit; the last save wins, whole or not at all. */
export interface Checkpoints {
  /** Where that is, for messages. */
  readonly place?: string;
  load(): Promise<Uint8Array | undefined>;
  save(state: Uint8Array): Promise<void>;
}
