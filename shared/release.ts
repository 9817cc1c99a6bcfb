import * as v from 'valibot';
import { encoderInputs, rankerInputs } from './features.ts';
import { evidenceKinds } from './sentences.ts';

/**
 * A release: everything the edge needs to answer, immutable, proven by checksums and golden requests.
 *
 *     releases/<releaseId>/<file>          written first
 *     releases/<releaseId>/manifest.json   written second; releaseId is the start of its sha256
 *     channels/<channel>.json              written last, conditionally: which release serves
 *
 * Nothing in a release depends on the clock or the machine, so the same events, config and seed give the same
 * releaseId, byte for byte.
 */
export const manifestFile = 'manifest.json';
export const releaseIdLength = 16;
export const releasePrefix = (releaseId: string): string => `releases/${releaseId}/`;
export const releaseKey = (releaseId: string, file: string): string => releasePrefix(releaseId) + file;
export const channelKey = (channel: string): string => `channels/${channel}.json`;

/**
 * Bytes of an encoder, a ranker, and the golden requests, each at most: the edge holds them beside the tables while it loads, outside
 * the memory that it plans from the manifest.
 */
const largestSmallFile = 8 * 1024 * 1024;

const Sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits'));
export const ReleaseId = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/, 'expected 16 lower-case hex digits'));
export type ReleaseId = v.InferOutput<typeof ReleaseId>;
export const ChannelName = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected a-z, 0-9 and -'),
);

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Positive = v.pipe(Count, v.minValue(1));
const FileName = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9.-]*$/, 'expected a plain file name'));

/** Name and value of a context feature. */
export const ContextName = v.pipe(v.string(), v.minLength(1), v.maxLength(64));
export const ContextValue = v.pipe(v.string(), v.maxLength(256));

/** See {@link Table}. */
export const maximumDimensions = 512;

/**
 * A quantised embedding table. `rows` counts row 0, the padding row of zeros. The float value of
 * (row r, dimension d) is `values[r · dimensions + d] · scales[r]`. See {@link tableLayout}.
 */
export const Table = v.strictObject({
  file: FileName,
  rows: Positive,
  /**
   * A multiple of 16, so that a row is a whole number of SIMD lanes; unused dimensions are zeros. At most 512, so that
   * int8 · int16 sums fit int32: 127 · 32,767 · 512 < 2³¹.
   */
  dimensions: v.pipe(Positive, v.multipleOf(16), v.maxValue(maximumDimensions)),
  bias: v.boolean(),
});
export type Table = v.InferOutput<typeof Table>;

/** score(item) = encoder(history) · items[item] (+ bias[item]). */
export const EmbeddingArtifact = v.strictObject({
  kind: v.literal('embedding'),
  /** The table that is scanned. */
  items: Table,
  /** The table whose rows the encoder receives; the same file as `items` where the embeddings are tied. */
  history: Table,
  /** ONNX. Inputs as listed, each with batch dimension 1; one output `query`, float32 [1, items.dimensions]. */
  encoder: v.strictObject({ file: FileName, inputs: v.array(v.picklist(encoderInputs)) }),
});

/**
 * score(item) = Σ over the history's different items of largest weight(event) · weights[event.item → item]; the rule is
 * `scoreByNeighbours` in neighbours.ts, the bytes are {@link neighboursLayout}.
 */
export const NeighboursArtifact = v.strictObject({
  kind: v.literal('neighbours'),
  file: FileName,
  rows: Positive,
  /** Neighbours kept for each item; unused places have item 0 and weight 0. */
  width: Count,
});

/** Nothing but the catalogue: popularity answers. */
const NoArtifact = v.strictObject({ kind: v.literal('none') });

export const ReleasedArtifact = v.variant('kind', [EmbeddingArtifact, NeighboursArtifact, NoArtifact]);
export type EmbeddingArtifact = v.InferOutput<typeof EmbeddingArtifact>;
export type NeighboursArtifact = v.InferOutput<typeof NeighboursArtifact>;
export type ReleasedArtifact = v.InferOutput<typeof ReleasedArtifact>;

/** A metric with the ends of its 95 % bootstrap interval. */
export const Estimate = v.strictObject({ value: v.number(), lower: v.number(), upper: v.number() });
export type Estimate = v.InferOutput<typeof Estimate>;

export const ModelMetrics = v.strictObject({
  name: v.string(),
  /** Keys such as `ndcg@10`, `recall@20`, `coverage@10`. */
  metrics: v.record(v.string(), Estimate),
});
export type ModelMetrics = v.InferOutput<typeof ModelMetrics>;

/** A feature of a request beside its history. Value i has the number i + 1; whatever else is sent has 0. */
const ContextFeature = v.strictObject({
  name: ContextName,
  values: v.pipe(v.array(ContextValue), v.minLength(1), v.maxLength(4_096)),
});

/** How well probabilities order (area under the ROC curve), and how true they are. */
const RankerMetrics = v.strictObject({ auc: Estimate, logLoss: Estimate, ece: Estimate });
export type RankerMetrics = v.InferOutput<typeof RankerMetrics>;

/**
 * Re-scores the candidates that the artifact retrieves: probability(item) = network(history, item, context). What the network
 * receives is `rankerFeatures` in features.ts; it holds no table of the catalogue's size, and calibration is part of it.
 */
export const ReleasedRanker = v.strictObject({
  model: v.strictObject({ name: v.string(), options: v.unknown() }),
  /** ONNX. Inputs as listed; one output `probability`, float32 [candidates]. */
  file: FileName,
  inputs: v.pipe(v.array(v.picklist(rankerInputs)), v.minLength(1)),
  /** The table that `candidates` and `rows` are gathered from; it has no bias. */
  items: Table,
  context: v.pipe(v.array(ContextFeature), v.maxLength(32)),
  maxHistory: Positive,
  /** Items that are retrieved to be ranked, unless more are asked for. */
  candidates: v.pipe(Positive, v.maxValue(500)),
  /** The ranker and its baselines, on the test split. */
  evaluation: v.strictObject({
    protocol: v.string(),
    examples: Count,
    models: v.array(v.strictObject({ name: v.string(), metrics: RankerMetrics })),
  }),
  /** Largest difference of a probability by the int8 table to the one by float32, measured on real histories. */
  quantisationDifference: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
});
export type ReleasedRanker = v.InferOutput<typeof ReleasedRanker>;

export const ColumnType = v.picklist(['number', 'string', 'boolean', 'strings']);
export type ColumnType = v.InferOutput<typeof ColumnType>;

/** An attribute that requests can filter by; see columns.ts. */
const ColumnEntry = v.strictObject({
  name: v.string(),
  type: ColumnType,
  /** Different values. */
  values: Count,
  /** Bytes of all texts of the dictionary, UTF-8; 0 but for texts. */
  textBytes: Count,
  /** Of a column of lists: pairs of item and value, items without a value counted once. */
  pairs: Count,
});
export type ColumnEntry = v.InferOutput<typeof ColumnEntry>;

/** Items of a history that are left out in turn; see evidence.ts. */
export const Examined = v.pipe(Positive, v.maxValue(200));

const ManifestEntries = v.strictObject({
  format: v.literal(1),
  /** The config's name: what this release recommends from. */
  name: v.string(),
  model: v.strictObject({ name: v.string(), options: v.unknown() }),
  artifact: ReleasedArtifact,
  /** Absent where the artifact's scores order the answer. */
  ranker: v.optional(ReleasedRanker),
  /** `items` does not count the padding row. */
  catalogue: v.strictObject({ file: FileName, items: Count }),
  /** What histories hold, for the sentences that give reasons, and how many of a history's items may be left out in turn. */
  explain: v.optional(v.strictObject({ evidence: v.picklist(evidenceKinds), examine: Examined })),
  /** What requests can filter by, in the order of the file; absent where no item has an attribute. */
  columns: v.optional(
    v.strictObject({
      file: FileName,
      entries: v.pipe(v.array(ColumnEntry), v.minLength(1), v.maxLength(64)),
    }),
  ),
  /** Of a longer history the newest events count. */
  maxHistory: Positive,
  /** Weight of each event kind; an event without a kind counts as `defaultEventKind`. */
  eventKinds: v.record(v.string(), v.number()),
  defaultEventKind: v.string(),
  golden: FileName,
  data: v.strictObject({
    fingerprint: Sha256,
    users: Count,
    items: Count,
    events: Count,
    /** Unix seconds; 0 where events carry no time. */
    firstEvent: v.number(),
    lastEvent: v.number(),
    /** How the events are spread over the items, for the next run to measure drift from. */
    popularity: v.optional(FileName),
  }),
  evaluation: v.strictObject({
    protocol: v.string(),
    primary: v.string(),
    queries: Count,
    /** The released model and every baseline, on the test split, catalogue-wide. */
    models: v.array(ModelMetrics),
  }),
  /** Share of float32's top 100 that the int8 tables keep, measured on real histories; absent without tables. */
  quantisationRecall: v.optional(v.number()),
  seed: v.number(),
  code: v.strictObject({ version: v.string() }),
  config: v.unknown(),
  /** Every file of the release but the manifest itself. */
  files: v.record(FileName, v.strictObject({ sha256: Sha256, bytes: Count })),
});

/** What a release says about itself. That it does not contradict itself is part of the schema. */
export const Manifest = v.pipe(
  ManifestEntries,
  v.rawCheck(({ dataset, addIssue }) => {
    if (dataset.typed) for (const message of contradictions(dataset.value)) addIssue({ message });
  }),
);
export type Manifest = v.InferOutput<typeof Manifest>;

function contradictions(manifest: v.InferOutput<typeof ManifestEntries>): string[] {
  const { artifact, catalogue, files } = manifest;
  const found: string[] = [];
  const expectFile = (file: string, bytes?: number): void => {
    const listed = Object.hasOwn(files, file) ? files[file] : undefined;
    if (listed === undefined) found.push(`expected ${file} among the files, found none`);
    else if (bytes !== undefined && listed.bytes !== bytes)
      found.push(`expected ${file} to have ${bytes} bytes, found ${listed.bytes}`);
  };
  const expectSmall = (file: string): void => {
    const bytes = Object.hasOwn(files, file) ? files[file]!.bytes : 0;
    if (bytes > largestSmallFile)
      found.push(`expected ${file} to have at most ${largestSmallFile} bytes, found ${bytes}`);
  };
  const expectRows = (file: string, rows: number): void => {
    if (rows !== catalogue.items + 1)
      found.push(`expected ${catalogue.items + 1} rows in ${file}, found ${rows}`);
  };
  expectFile(catalogue.file);
  expectFile(manifest.golden);
  if (manifest.columns !== undefined) expectFile(manifest.columns.file);
  expectSmall(manifest.golden);
  if (manifest.data.popularity !== undefined) expectFile(manifest.data.popularity);
  if (!Object.hasOwn(manifest.eventKinds, manifest.defaultEventKind))
    found.push(`expected '${manifest.defaultEventKind}' among the event kinds, found none`);
  if (artifact.kind === 'neighbours') {
    expectFile(artifact.file, neighboursLayout(artifact).byteLength);
    expectRows(artifact.file, artifact.rows);
  }
  if (artifact.kind === 'embedding') {
    expectFile(artifact.encoder.file);
    expectSmall(artifact.encoder.file);
    for (const table of [artifact.items, artifact.history]) {
      expectFile(table.file, tableLayout(table).byteLength);
      expectRows(table.file, table.rows);
    }
  }
  if (manifest.ranker !== undefined) {
    const { file, items } = manifest.ranker;
    expectFile(file);
    expectSmall(file);
    expectFile(items.file, tableLayout(items).byteLength);
    expectRows(items.file, items.rows);
    found.push(...rankerContradictions(manifest.ranker));
  }
  return found;
}

function rankerContradictions({ model, inputs, items, context, evaluation }: ReleasedRanker): string[] {
  const found: string[] = [];
  const names = context.map(({ name }) => name);
  if (items.bias) found.push(`expected a table without bias in ${items.file}, found one with`);
  if (new Set(names).size !== names.length)
    found.push(`expected context features of different names, found ${names.join(', ')}`);
  for (const { name, values } of context)
    if (new Set(values).size !== values.length)
      found.push(`expected each value of the context feature ${name} once`);
  if (inputs.includes('context') !== names.length > 0)
    found.push(
      `expected the ranker's input 'context' where it has context features, found ${names.length} of them`,
    );
  if (!evaluation.models.some(({ name }) => name === model.name))
    found.push(`expected figures of the ranker ${model.name}, found none`);
  return found;
}

/** Which releases serve, with what share of the traffic. The first is the one that a plain request gets. */
export const Channel = v.strictObject({
  format: v.literal(1),
  releases: v.pipe(
    v.array(v.strictObject({ releaseId: ReleaseId, weight: v.pipe(v.number(), v.minValue(0)) })),
    v.minLength(1),
  ),
  /** What served before, newest first: rollback goes to the first. */
  previous: v.array(v.strictObject({ releaseId: ReleaseId, until: v.pipe(v.string(), v.isoTimestamp()) })),
  updatedAt: v.pipe(v.string(), v.isoTimestamp()),
});
export type Channel = v.InferOutput<typeof Channel>;

/**
 * Inputs with the batch side's own answers, computed on the quantised tables. The edge replays them before a
 * release serves: every score within `tolerance` of the batch's (relative to the largest score of the answer),
 * every item the same but where neighbouring scores are closer than that. Where the release has a ranker, each item also
 * has its probability, `context` being the request's: ranking these very items must yield them, by the same rule.
 */
export const GoldenRequests = v.strictObject({
  tolerance: v.pipe(v.number(), v.minValue(0), v.maxValue(0.05)),
  requests: v.pipe(
    v.array(
      v.strictObject({
        history: v.array(
          v.strictObject({ itemId: v.string(), kind: v.optional(v.string()), time: v.optional(v.number()) }),
        ),
        context: v.optional(v.record(v.string(), v.string())),
        items: v.array(
          v.strictObject({
            itemId: v.string(),
            score: v.number(),
            probability: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
          }),
        ),
      }),
    ),
    v.check(
      (requests) => requests.some(({ items }) => items.length > 0),
      'expected at least one request that is answered, found none',
    ),
  ),
});
export type GoldenRequests = v.InferOutput<typeof GoldenRequests>;

/** Why golden requests do not prove what a manifest promises: with a ranker every item has a probability, else none. */
export function goldenFault({ ranker }: Manifest, { requests }: GoldenRequests): string | undefined {
  const items = requests.flatMap((request) => request.items);
  const ranked = items.filter(({ probability }) => probability !== undefined).length;
  if (ranked === (ranker === undefined ? 0 : items.length)) return undefined;
  const expected = ranker === undefined ? 'no item' : 'every item';
  return `expected golden requests with a probability for ${expected}, found ${ranked} of ${items.length}`;
}

const alignment = 64;
export const align = (offset: number): number => Math.ceil(offset / alignment) * alignment;

/** A section of a binary file: byte offset, byte length. */
export interface Section {
  readonly offset: number;
  readonly bytes: number;
}

/** Lays sections one after another, each on a 64-byte boundary; the file ends on one too. */
export function layOut<K extends string>(
  sizes: Readonly<Record<K, number>>,
): Record<K, Section> & { byteLength: number } {
  let offset = 0;
  const sections: Record<string, Section> = {};
  for (const [name, bytes] of Object.entries<number>(sizes)) {
    sections[name] = { offset, bytes };
    offset = align(offset + bytes);
  }
  return { ...(sections as Record<K, Section>), byteLength: offset } as Record<K, Section> & {
    byteLength: number;
  };
}

/** Rows are padded to this many, so that the scan works in whole blocks; padding rows are zeros. */
export const rowBlock = 32;
export const paddedRows = (rows: number): number => Math.ceil(rows / rowBlock) * rowBlock;

/**
 * Layout of a table file, little-endian, row-major: `values` int8 [paddedRows][dimensions],
 * `scales` float32 [paddedRows], `biases` float32 [paddedRows] (0 bytes where `bias` is false), `bounds` float32
 * [paddedRows / rowBlock][2]: of each block of rows the largest norm of a dequantised row and the largest bias.
 */
export const tableLayout = (table: Pick<Table, 'rows' | 'dimensions' | 'bias'>) => {
  const rows = paddedRows(table.rows);
  return layOut({
    values: rows * table.dimensions,
    scales: rows * 4,
    biases: table.bias ? rows * 4 : 0,
    bounds: (rows / rowBlock) * 8,
  });
};

/** Layout of a neighbours file: `items` uint32 [rows][width], `weights` float32 [rows][width]. */
export const neighboursLayout = (artifact: Pick<NeighboursArtifact, 'rows' | 'width'>) =>
  layOut({ items: artifact.rows * artifact.width * 4, weights: artifact.rows * artifact.width * 4 });
