import * as v from 'valibot';
import { limits } from '../shared/api.ts';
import { ItemAttributes } from '../shared/catalogue.ts';
import { mostExamined } from '../shared/evidence.ts';
import { ChannelName, ContextName, Examined } from '../shared/release.ts';
import { evidenceKinds } from '../shared/sentences.ts';

/**
 * A run, declared. Strict everywhere: an unknown key is an error that names it. `defineConfig` gives a config file
 * its types; the CLI parses the result.
 */
const Sql = v.pipe(v.string(), v.minLength(1));
const Fraction = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const Count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** One source of rows. `path` is a file, a glob or an `s3://` address; relative paths start at the config file. */
const source = {
  path: v.pipe(v.string(), v.minLength(1)),
  /** Left out: by extension. `.gz` and `.zst` are unpacked. */
  format: v.optional(v.picklist(['csv', 'jsonl', 'parquet'])),
  /** Of a csv; left out, DuckDB finds it. Several characters are allowed (`::`). */
  delimiter: v.optional(v.string()),
  /** Of a csv: whether the first line names the columns. Without a header, `columnNames` does. */
  header: v.optional(v.boolean()),
  columnNames: v.optional(v.array(v.string())),
  encoding: v.optional(v.picklist(['utf-8', 'latin-1']), 'utf-8'),
  /** SQL condition on the source's own columns: the rows to keep. */
  where: v.optional(Sql),
} as const;

/** SQL expressions over the source's columns; a plain column name is one. */
export const EventSource = v.strictObject({
  ...source,
  columns: v.strictObject({
    userId: Sql,
    itemId: Sql,
    /** A timestamp, a date, or a number of Unix seconds or milliseconds. */
    time: v.optional(Sql),
    kind: v.optional(Sql),
    /** Rows of one user with one basket id belong together (an invoice, a session). */
    basketId: v.optional(Sql),
    /** Circumstances of an event by name, for rankers: `{ daytime: 'daytime' }`. Their values are taken as text. */
    context: v.optional(v.pipe(v.record(ContextName, Sql), v.maxEntries(limits.context))),
  }),
});
export type EventSource = v.InferOutput<typeof EventSource>;

/** Names that requests filter by; no operator of a filter, and none of the attributes that have a meaning of their own. */
const AttributeName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z_][\w-]{0,63}$/, 'expected a name of letters, digits, _ and -'),
  v.check(
    (name) => !['itemId', 'features', ...Object.keys(ItemAttributes.entries)].includes(name),
    ({ input }) => `expected a name that is not taken, found ${input}`,
  ),
);

export const ItemSource = v.strictObject({
  ...source,
  columns: v.strictObject({
    itemId: Sql,
    title: v.optional(Sql),
    categories: v.optional(Sql),
    price: v.optional(Sql),
    url: v.optional(Sql),
    image: v.optional(Sql),
    available: v.optional(Sql),
    /** Whatever else is to be filtered by and answered: a text, a number, a time, a boolean or a list of texts each. */
    attributes: v.optional(v.pipe(v.record(AttributeName, Sql), v.maxEntries(32))),
    /** A list of words by which models know an item beside its id. Not shown, not part of a release. */
    features: v.optional(Sql),
  }),
});
export type ItemSource = v.InferOutput<typeof ItemSource>;

/** Limits that stop a run. Each is a share of rows (0…1) unless it says otherwise. */
export const QualityThresholds = v.strictObject({
  /** Rows without user, item or a readable time. */
  missing: v.optional(Fraction, 0.5),
  duplicates: v.optional(Fraction, 0.5),
  /** Rows that the `where` drops. */
  dropped: v.optional(Fraction, 0.9),
  futureTimes: v.optional(Fraction, 0.01),
  /** Share of all events that one user may hold. */
  userShare: v.optional(Fraction, 0.2),
  minimumEvents: v.optional(Count, 100),
  minimumUsers: v.optional(Count, 10),
  minimumItems: v.optional(Count, 10),
  /** Jensen–Shannon distance (0…1) of item popularity to the dataset of the release now serving. */
  drift: v.optional(Fraction, 0.8),
});
export type QualityThresholds = v.InferOutput<typeof QualityThresholds>;

export const DataConfig = v.strictObject({
  events: v.union([EventSource, v.pipe(v.array(EventSource), v.minLength(1))]),
  items: v.optional(v.union([ItemSource, v.pipe(v.array(ItemSource), v.minLength(1))])),
  /**
   * What each kind of event is worth; events of other kinds are dropped and reported. A kind of weight 0 is what somebody was
   * shown or saw and did not want: rankers learn from it, for everything else these events do not exist.
   */
  eventKinds: v.optional(
    v.pipe(v.record(v.string(), v.pipe(v.number(), v.minValue(0))), v.minEntries(1), v.maxEntries(255)),
    { interaction: 1 },
  ),
  /** The kind of events that name none. Left out: the first of `eventKinds`. */
  defaultEventKind: v.optional(v.string()),
  /** Whether a user's repeated events on one item all count, or only the first or last. */
  repeats: v.optional(v.picklist(['keep', 'first', 'last']), 'keep'),
  /** Users and items with fewer events are dropped, repeatedly until none is left (k-core). */
  minimumUserEvents: v.optional(Count, 1),
  minimumItemEvents: v.optional(Count, 1),
  /**
   * Items of the item sources on which nobody has acted: kept, they can be recommended by what is known of them. Items
   * that the minimums drop stay out.
   */
  itemsWithoutEvents: v.optional(v.picklist(['drop', 'keep']), 'drop'),
  quality: v.optional(QualityThresholds, {}),
});
export type DataConfig = v.InferOutput<typeof DataConfig>;

/** A part of the data that is not trained on; two of them leave something. */
const HeldOutShare = v.pipe(v.number(), v.gtValue(0), v.ltValue(0.5));

export const SplitConfig = v.variant('kind', [
  /** Each user's last event is the test, the one before it the validation. */
  v.strictObject({ kind: v.literal('leave-one-out') }),
  /** Each user's last basket is the test, the one before it the validation. */
  v.strictObject({
    kind: v.literal('last-basket'),
    /** `new`: the history's items are neither targets nor ranked. `any`: nothing is excluded. */
    targets: v.optional(v.picklist(['new', 'any']), 'new'),
    /** Different items that a user must have before the basket to be asked. */
    minimumHistory: v.optional(Count, 5),
  }),
  /** Events after a point in time are the test; as much time (by share of events) before it the validation. */
  v.strictObject({
    kind: v.literal('time'),
    testShare: v.optional(HeldOutShare, 0.1),
    validationShare: v.optional(HeldOutShare, 0.1),
    targets: v.optional(v.picklist(['new', 'any']), 'new'),
  }),
  /** Strong generalisation (Liang et al. 2018): whole users are held out; 80 % of a user's events are the history. */
  v.strictObject({
    kind: v.literal('held-out-users'),
    testShare: v.optional(HeldOutShare, 0.1),
    validationShare: v.optional(HeldOutShare, 0.1),
    foldIn: v.optional(Fraction, 0.8),
  }),
  /** Random items that are never trained on, asked of the users who have them and ranked among themselves. */
  v.strictObject({
    kind: v.literal('cold-items'),
    testShare: v.optional(HeldOutShare, 0.1),
    validationShare: v.optional(HeldOutShare, 0.1),
  }),
  /**
   * Who to know: users and items are the same people, each friendship an event of either. Shares of all friendships are
   * hidden, from both sides.
   */
  v.strictObject({
    kind: v.literal('friendships'),
    testShare: v.optional(HeldOutShare, 0.1),
    validationShare: v.optional(HeldOutShare, 0.1),
  }),
  /**
   * The test events are given; the validation is each user's last training event or, where the order says nothing, a
   * random share of each user's.
   */
  v.strictObject({
    kind: v.literal('files'),
    test: EventSource,
    validationShare: v.optional(HeldOutShare),
  }),
]);
export type SplitConfig = v.InferOutput<typeof SplitConfig>;

export const EvaluationConfig = v.strictObject({
  /** Cut-offs k. */
  at: v.optional(v.pipe(v.array(v.pipe(Count, v.minValue(1))), v.minLength(1)), [10, 20]),
  /** What models are compared by, `<metric>@<k>`. */
  primary: v.optional(v.pipe(v.string(), v.regex(/^(recall|ndcg|hit|mrr|map)@[1-9]\d*$/)), 'ndcg@10'),
  /** Recall divides by the number of relevant items, or by min(k, that) as in Liang et al. 2018. */
  recallDenominator: v.optional(v.picklist(['relevant', 'truncated']), 'relevant'),
  bootstrapSamples: v.optional(Count, 1_000),
  /** Item attribute by whose value the metrics are also shown. */
  sliceBy: v.optional(v.picklist(['categories', 'price'])),
});
export type EvaluationConfig = v.InferOutput<typeof EvaluationConfig>;

/** How a ranker's rows (events with labels) are parted into training, validation and test. */
export const RankerSplit = v.variant('kind', [
  /** By time, as in service: the newest rows are the test, those before them the validation. */
  v.strictObject({
    kind: v.literal('time'),
    testShare: v.optional(HeldOutShare, 0.1),
    validationShare: v.optional(HeldOutShare, 0.1),
  }),
  /** At random, as the literature does: a row's history may be younger than the row. */
  v.strictObject({
    kind: v.literal('rows'),
    testShare: v.optional(HeldOutShare, 0.1),
    validationShare: v.optional(HeldOutShare, 0.1),
  }),
]);
export type RankerSplit = v.InferOutput<typeof RankerSplit>;

export const RankerConfig = v.strictObject({
  /** Its name, and its options (the model's own schema). */
  model: v.optional(v.string(), 'ctr-ranker'),
  options: v.optional(v.unknown(), {}),
  split: v.optional(RankerSplit, { kind: 'time' }),
  /**
   * Items drawn at random beside each event that weighs something, as rows that were not wanted: items that the user did not choose
   * in the same context. Left out: 2, or none where a kind of events weighs 0.
   */
  negatives: v.optional(Count),
});
export type RankerConfig = v.InferOutput<typeof RankerConfig>;

export const Config = v.strictObject({
  /** What is recommended: appears in reports, releases and the page. */
  name: v.pipe(v.string(), v.minLength(1)),
  explain: v.optional(
    v.strictObject({
      /** What histories hold, for the sentences: items that somebody liked, or people that they know. */
      evidence: v.optional(v.picklist(evidenceKinds), 'items'),
      /** Different items of a history, the newest, that may be left out in turn: each costs a run of the encoder. */
      examine: v.optional(Examined, mostExamined),
    }),
    {},
  ),
  seed: v.optional(Count, 42),
  data: DataConfig,
  split: v.optional(SplitConfig, { kind: 'leave-one-out' }),
  evaluation: v.optional(EvaluationConfig, {}),
  /** Models to fit besides the baselines, which always run, with their options (each model's own schema). */
  models: v.optional(v.record(v.string(), v.unknown()), { 'two-tower': {} }),
  /** What re-orders the items that the model retrieves, by the probability that they are wanted. Left out: nothing does. */
  ranker: v.optional(RankerConfig),
  /** Where releases go: a directory, relative to the config file, or `s3://bucket/prefix`. */
  store: v.optional(v.pipe(v.string(), v.minLength(1)), '.perigee/store'),
  channel: v.optional(ChannelName, 'production'),
  gate: v.optional(
    v.strictObject({
      /** How much of the serving release's primary metric a new one must reach, on the same test split, besides not being
       * significantly worse. */
      minimumRatio: v.optional(v.pipe(v.number(), v.minValue(0)), 0.97),
      /** Least recall of the quantised tables against float32. */
      minimumQuantisationRecall: v.optional(Fraction, 0.97),
      /** How far the quantised table may move a probability of the ranker. */
      maximumRankerDifference: v.optional(Fraction, 0.05),
    }),
    {},
  ),
});
export type Config = v.InferOutput<typeof Config>;
export type ConfigInput = v.InferInput<typeof Config>;

/** Gives a config file its types; changes nothing. */
export const defineConfig = (config: ConfigInput): ConfigInput => config;
