import * as v from 'valibot';
import { ReleaseError } from '../shared/errors.ts';
import {
  GoldenRequests,
  goldenFault,
  Manifest,
  manifestFile,
  releaseIdLength,
  releaseKey,
} from '../shared/release.ts';
import { download, type ExpectedFile, readSmall, readVerified, sha256 } from './download.ts';
import type { Encoder } from './encode.ts';
import type { Kernel } from './kernel/kernel.ts';
import type { ReleaseMemory } from './kernel/memory.ts';
import { bytesOf, placeRelease, planRelease } from './placement.ts';
import type { Ranker } from './rank.ts';
import { createBudget } from './rank-budget.ts';
import type { Release } from './release.ts';
import type { Source } from './source.ts';

/** What loading takes from its surroundings. */
export interface Loader {
  readonly source: Source;
  readonly memory: ReleaseMemory;
  readonly kernel: Kernel;
  openEncoder(model: Uint8Array): Promise<Encoder>;
  openRanker(model: Uint8Array): Promise<Ranker>;
  /** Milliseconds that a ranker may take on average. */
  readonly rankBudget: number;
}

/** A release, and the requests that are to prove it. */
export interface Loaded {
  readonly release: Release;
  readonly golden: GoldenRequests;
}

const manifestLimit = 4 * 1024 * 1024;

/**
 * Loads a release: the manifest, then every file at once, tables and catalogue straight into their place, each checked
 * against its sha256. Leaves nothing behind when it fails. What was loaded is complete and unaltered; golden.ts proves
 * that it also answers as it should. Aborting `signal` gives the memory back even where loading no longer goes on.
 * @throws ReleaseError
 */
export async function loadRelease(loader: Loader, releaseId: string, signal: AbortSignal): Promise<Loaded> {
  const { source, memory, kernel } = loader;
  const manifest = await readManifest(source, releaseId);
  const plan = planRelease(manifest);
  signal.throwIfAborted();
  const region = memory.reserve(plan.byteLength);
  signal.addEventListener('abort', region.free, { once: true });
  const buffer = (): ArrayBuffer => memory.memory.buffer as ArrayBuffer;
  const expected = (file: string): ExpectedFile => ({
    key: releaseKey(releaseId, file),
    bytes: bytesOf(manifest, file),
    sha256: manifest.files[file]!.sha256,
  });
  /** Where the region lies now. Given back, it may be another release's: nothing of this one may touch it then. */
  const base = (): number => {
    if (!region.held) throw new ReleaseError(`release ${releaseId}: loading was given up`);
    return region.address;
  };
  const place = async (file: string): Promise<void> => {
    const { offset, bytes } = plan.files.get(file)!;
    const target = (): Uint8Array => new Uint8Array(buffer(), base() + offset, bytes);
    await download(source, expected(file), target);
  };
  const { artifact } = manifest;
  const open = <T>(file: string, opener: (model: Uint8Array) => Promise<T>): Promise<T> =>
    readVerified(source, expected(file)).then(opener);
  const encoder =
    artifact.kind === 'embedding'
      ? open(artifact.encoder.file, loader.openEncoder)
      : Promise.resolve(undefined);
  const ranker = manifest.ranker ? open(manifest.ranker.file, loader.openRanker) : Promise.resolve(undefined);
  const dispose = async (): Promise<void> => {
    if (!region.held) return;
    region.free();
    for (const network of [await encoder, await ranker]) await network?.release();
  };
  try {
    const golden = readVerified(source, expected(manifest.golden));
    await Promise.all([encoder, ranker, golden, ...[...plan.files.keys()].map(place)]);
    const requests = parseJson(GoldenRequests, await golden, expected(manifest.golden).key);
    const fault = goldenFault(manifest, requests);
    if (fault !== undefined) throw new ReleaseError(`${expected(manifest.golden).key}: ${fault}`);
    const network = await ranker;
    const release: Release = {
      releaseId,
      manifest,
      kernel,
      encoder: await encoder,
      ranker: network && { network, budget: createBudget(loader.rankBudget) },
      placed: whileUnmoved(
        () => placeRelease(manifest, plan, buffer(), base()),
        () => [buffer(), base()],
      ),
      dispose,
    };
    const { artifact: placed } = release.placed();
    if (placed.kind === 'embedding') kernel.clearExcluded(placed.items, placed.scratch);
    signal.removeEventListener('abort', region.free);
    return { release, golden: requests };
  } catch (error) {
    region.free();
    for (const network of [encoder, ranker]) {
      void network.then(
        (opened) => opened?.release(),
        () => undefined, // It failed too; the first failure is the one to tell.
      );
    }
    throw error;
  }
}

/** Remembers what `make` yields until `place` yields something else. */
function whileUnmoved<T>(make: () => T, place: () => readonly unknown[]): () => T {
  let made: { readonly at: readonly unknown[]; readonly value: T } | undefined;
  return () => {
    const at = place();
    if (made === undefined || at.some((part, i) => part !== made?.at[i])) made = { at, value: make() };
    return made.value;
  };
}

async function readManifest(source: Source, releaseId: string): Promise<Manifest> {
  const key = releaseKey(releaseId, manifestFile);
  const bytes = await readSmall(source, key, manifestLimit);
  if (bytes === undefined)
    throw new ReleaseError(`${key}: expected a manifest, ${source.description} has none`);
  const digest = await sha256(bytes);
  if (!digest.startsWith(releaseId)) {
    throw new ReleaseError(
      `${key}: expected a sha256 that starts with ${releaseId}, found ${digest.slice(0, releaseIdLength)}`,
    );
  }
  return parseJson(Manifest, bytes, key);
}

/** @throws ReleaseError naming the place where the bytes are not what the schema says */
export function parseJson<const S extends v.GenericSchema>(
  schema: S,
  bytes: Uint8Array,
  key: string,
): v.InferOutput<S> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch (cause) {
    throw new ReleaseError(`${key}: expected JSON: ${(cause as Error).message}`, { cause });
  }
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new ReleaseError(`${key}: ${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`);
}
