import { limits } from '../../shared/api.ts';
import { canonicalJson } from '../../shared/canonical-json.ts';
import { ReleaseError } from '../../shared/errors.ts';
import type { History } from '../../shared/history.ts';
import { topK } from '../../shared/ranking.ts';
import type { Manifest } from '../../shared/release.ts';
import type { Dataset } from '../data/dataset.ts';
import type { PopularitySummary } from '../data/drift.ts';
import type { Artifact } from '../recommender.ts';
import { encodeManifest } from '../release/manifest.ts';
import { sha256 } from '../sha256.ts';
import { openArtifact } from './artifact-scorer.ts';
import { encodeCatalogue } from './encode-catalogue.ts';
import { attributeColumns, encodeColumns } from './encode-columns.ts';
import { goldenRequests } from './golden.ts';
import { numberByNorm } from './order-rows.ts';
import { publishable } from './publishable.ts';
import { exportRanker, type RankerRelease } from './ranker.ts';
import { recallOf } from './recall.ts';
import { spread } from './spread.ts';

export interface ReleaseInput {
  /** The config's name. */
  readonly name: string;
  readonly model: { readonly name: string; readonly options: unknown };
  readonly artifact: Artifact;
  /** What orders the items that the artifact retrieves; left out, the artifact's own scores do. */
  readonly ranker?: RankerRelease | undefined;
  /** What the model was fitted on: its ids and attributes become the catalogue. */
  readonly dataset: Dataset;
  /** sha256 of the events and attributes. */
  readonly fingerprint: string;
  /** How all events are spread over the items, for the next run to measure drift from. */
  readonly popularityShares?: PopularitySummary;
  /** [items], higher is more popular: what answers where the model cannot. */
  readonly popularity: Float32Array;
  /** Real ones, such as the test split's: the release is proven on them. */
  readonly histories: readonly History[];
  readonly evaluation: Manifest['evaluation'];
  readonly eventKinds: Readonly<Record<string, number>>;
  readonly defaultEventKind: string;
  /** How recommendations are explained; left out, as by default. */
  readonly explain?: Manifest['explain'];
  readonly seed: number;
  readonly config: unknown;
  readonly codeVersion: string;
}

/** A release, ready to be published. */
export interface Release {
  readonly releaseId: string;
  readonly manifest: Manifest;
  /** Every file that the manifest lists, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

const popularityFile = 'popularity.json';

/** Multiplications that measuring the quantisation may take: 1,000 histories at 30k items × 64, some seconds. */
const recallWork = 2e9;

/** Popular items in the catalogue: however a request excludes, its longest answer can be filled. */
const popularCount = limits.history + limits.exclude + limits.limit;

/**
 * Makes a release of a model's artifact: orders, quantises, proves, describes. Same input, same bytes.
 * @throws ReleaseError when the artifact does not fit the dataset
 */
export async function exportRelease(source: ReleaseInput): Promise<Release> {
  assertRows(source);
  const input = numberByNorm(source);
  await using float = await openArtifact(input.artifact, input.popularity);
  const published = publishable(input.artifact);
  await using scorer = await openArtifact(published.artifact, input.popularity);
  const quantisationRecall =
    input.artifact.kind === 'embedding'
      ? await recallOf(scorer, float, spread(input.histories, recallHistories(input.artifact.items)))
      : undefined;
  await using ranker = input.ranker && (await exportRanker(input.ranker, { ...input, scorer }));
  const golden = await goldenRequests({ ...input, itemIds: input.dataset.itemIds, scorer, ranker });

  const filterable = attributeColumns(input.dataset.attributes);
  const columns = encodeColumns(filterable, input.dataset.itemIds.length);
  const files = new Map<string, Uint8Array>([
    ['catalogue.bin', encodeCatalogue(catalogue(input))],
    ...(filterable.length > 0 ? ([['columns.bin', columns.file]] as const) : []),
    ...published.files,
    ...(ranker?.files ?? []),
    ['golden.json', utf8(canonicalJson(golden))],
  ]);
  if (input.popularityShares !== undefined) {
    files.set(popularityFile, utf8(canonicalJson(input.popularityShares)));
  }
  const manifest: Manifest = {
    format: 1,
    name: input.name,
    model: input.model,
    artifact: published.released,
    ...(ranker && { ranker: ranker.released }),
    catalogue: { file: 'catalogue.bin', items: input.dataset.itemIds.length - 1 },
    ...(input.explain && { explain: input.explain }),
    ...(filterable.length > 0 && { columns: { file: 'columns.bin', entries: columns.entries } }),
    maxHistory: maxHistory(input.artifact),
    eventKinds: input.eventKinds,
    defaultEventKind: input.defaultEventKind,
    golden: 'golden.json',
    data: {
      fingerprint: input.fingerprint,
      ...describe(input.dataset),
      ...(input.popularityShares !== undefined && { popularity: popularityFile }),
    },
    evaluation: input.evaluation,
    ...(quantisationRecall !== undefined && { quantisationRecall }),
    seed: input.seed,
    code: { version: input.codeVersion },
    config: input.config,
    files: Object.fromEntries(
      Array.from(files, ([file, bytes]) => [file, { sha256: sha256(bytes), bytes: bytes.byteLength }]),
    ),
  };
  return { releaseId: encodeManifest(manifest).releaseId, manifest, files };
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

function assertRows({ artifact, ranker, dataset, popularity }: ReleaseInput): void {
  const expected = dataset.itemIds.length;
  const assert = (what: string, found: number): void => {
    if (found !== expected) {
      throw new ReleaseError(`export: the dataset has ${expected} item rows, ${what} has ${found}`);
    }
  };
  assert('popularity', popularity.length);
  if (ranker !== undefined) assert("the ranker's table", ranker.artifact.items.rows);
  if (artifact.kind === 'neighbours') assert('the neighbours table', artifact.rows);
  if (artifact.kind !== 'embedding') return;
  assert('the item table', artifact.items.rows);
  if (artifact.history !== undefined) assert('the history table', artifact.history.rows);
}

const recallHistories = ({ rows, dimensions }: { rows: number; dimensions: number }): number =>
  Math.max(20, Math.min(1_000, Math.floor(recallWork / (rows * dimensions))));

function catalogue({ dataset, popularity }: ReleaseInput): Parameters<typeof encodeCatalogue>[0] {
  return {
    itemIds: dataset.itemIds,
    attributes: (item) => dataset.attributes[item],
    popular: topK(popularity, Math.min(popularCount, popularity.length)),
  };
}

const maxHistory = (artifact: Artifact): number =>
  artifact.kind === 'embedding' ? Math.min(artifact.maxHistory, limits.history) : limits.history;

function describe({
  userIds,
  itemIds,
  items,
  times,
}: Dataset): Omit<Manifest['data'], 'fingerprint' | 'popularity'> {
  let firstEvent = 0;
  let lastEvent = 0;
  for (const time of times) {
    if (time > 0 && (firstEvent === 0 || time < firstEvent)) firstEvent = time;
    if (time > lastEvent) lastEvent = time;
  }
  return {
    users: userIds.length,
    items: itemIds.length - 1,
    events: items.length,
    firstEvent,
    lastEvent,
  };
}
