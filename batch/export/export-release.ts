import * as v from 'valibot';
import { limits } from '../../shared/api.ts';
import { canonicalJson } from '../../shared/canonical-json.ts';
import { encodeCatalogue } from '../../shared/catalogue.ts';
import { ReleaseError } from '../../shared/errors.ts';
import type { History } from '../../shared/history.ts';
import { topK } from '../../shared/ranking.ts';
import { Manifest, manifestFile, releaseIdLength } from '../../shared/release.ts';
import { sha256 } from '../cache.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Artifact, Model } from '../recommender.ts';
import { assertAgreement } from './agreement.ts';
import { openArtifact } from './artifact-scorer.ts';
import { goldenRequests } from './golden.ts';
import { publishable } from './publishable.ts';
import { recallOf } from './recall.ts';

export interface ReleaseInput {
  /** The config's name. */
  readonly name: string;
  readonly model: { readonly name: string; readonly options: unknown };
  readonly artifact: Artifact;
  /** The model's own scores, which the artifact must reproduce. */
  readonly score: Model['score'];
  /** What the model was fitted on: its ids and attributes become the catalogue. */
  readonly dataset: Dataset;
  /** sha256 of the events and attributes. */
  readonly fingerprint: string;
  /** [items], higher is more popular: what answers where the model cannot. */
  readonly popularity: Float32Array;
  /** Real ones, such as the test split's: the release is proven on them. */
  readonly histories: readonly History[];
  readonly evaluation: Manifest['evaluation'];
  readonly eventKinds: Readonly<Record<string, number>>;
  readonly defaultEventKind: string;
  readonly seed: number;
  readonly config: unknown;
  readonly codeVersion: string;
}

/** A release, ready to be stored. */
export interface Release {
  readonly releaseId: string;
  readonly manifest: Manifest;
  /** Every file by name, the manifest last. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Histories on which the float artifact is compared with the model. */
const agreementHistories = 64;
/** Multiplications that measuring the quantisation may take: 1,000 histories at 30k items × 64, some seconds. */
const recallWork = 2e9;

/** Popular items in the catalogue: however a request excludes, its longest answer can be filled. */
const popularCount = limits.history + limits.exclude + limits.limit;

/**
 * Makes a release of a fitted model: quantises, proves, describes. Same input, same bytes.
 * @throws ReleaseError when the artifact does not fit the dataset or does not score as the model does
 */
export async function exportRelease(input: ReleaseInput): Promise<Release> {
  assertRows(input);
  const histories = spread(input.histories.filter(({ items }) => items.length > 0));
  await using float = await openArtifact(input.artifact, input.popularity);
  await assertAgreement(input.score, float, histories(agreementHistories));

  const published = publishable(input.artifact);
  await using scorer = await openArtifact(published.artifact, input.popularity);
  const quantisationRecall =
    input.artifact.kind === 'embedding'
      ? await recallOf(scorer, float, histories(recallHistories(input.artifact.items)))
      : undefined;
  const golden = await goldenRequests({ ...input, itemIds: input.dataset.itemIds, scorer });

  const files = new Map<string, Uint8Array>([
    ['catalogue.bin', encodeCatalogue(catalogue(input))],
    ...published.files,
    ['golden.json', utf8(canonicalJson(golden))],
  ]);
  const manifest = checked({
    format: 1,
    name: input.name,
    model: input.model,
    artifact: published.released,
    catalogue: { file: 'catalogue.bin', items: input.dataset.itemIds.length - 1 },
    maxHistory: maxHistory(input.artifact),
    eventKinds: input.eventKinds,
    defaultEventKind: input.defaultEventKind,
    golden: 'golden.json',
    data: { fingerprint: input.fingerprint, ...describe(input.dataset) },
    evaluation: input.evaluation,
    quantisationRecall,
    seed: input.seed,
    code: { version: input.codeVersion },
    config: input.config,
    files: Object.fromEntries(
      Array.from(files, ([file, bytes]) => [file, { sha256: sha256(bytes), bytes: bytes.byteLength }]),
    ),
  });
  const bytes = utf8(canonicalJson(manifest));
  files.set(manifestFile, bytes);
  return { releaseId: sha256(bytes).slice(0, releaseIdLength), manifest, files };
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

function assertRows({ artifact, dataset, popularity }: ReleaseInput): void {
  const expected = dataset.itemIds.length;
  const assert = (what: string, found: number): void => {
    if (found !== expected) {
      throw new ReleaseError(`export: the dataset has ${expected} item rows, ${what} has ${found}`);
    }
  };
  assert('popularity', popularity.length);
  if (artifact.kind === 'neighbours') assert('the neighbours table', artifact.rows);
  if (artifact.kind !== 'embedding') return;
  assert('the item table', artifact.items.rows);
  if (artifact.history !== undefined) assert('the history table', artifact.history.rows);
}

/** Yields up to `count` of the histories, at even steps through them. */
const spread =
  (histories: readonly History[]) =>
  (count: number): History[] => {
    const step = Math.max(1, histories.length / count);
    return Array.from(
      { length: Math.min(count, histories.length) },
      (_, i) => histories[Math.floor(i * step)]!,
    );
  };

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

function describe({ userIds, itemIds, items, times }: Dataset): Omit<Manifest['data'], 'fingerprint'> {
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

/** The manifest as its readers will parse it. */
function checked(manifest: unknown): Manifest {
  const result = v.safeParse(Manifest, JSON.parse(canonicalJson(manifest)));
  if (!result.success) {
    const [issue] = result.issues;
    throw new ReleaseError(`export: manifest, ${v.getDotPath(issue)}: ${issue.message}`);
  }
  return result.output;
}
