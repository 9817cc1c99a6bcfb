import { openCatalogue } from '../../shared/catalogue.ts';
import { ReleaseError } from '../../shared/errors.ts';
import { GoldenRequests, goldenFault, type Manifest, releaseKey } from '../../shared/release.ts';
import { sha256 } from '../sha256.ts';
import type { Store } from '../store/store.ts';
import { parse, readManifest } from './manifest.ts';

export interface Verification {
  readonly releaseId: string;
  /** What is wrong, a sentence each; empty for a release that can serve. */
  readonly faults: readonly string[];
  /** Files and bytes that were read. */
  readonly files: number;
  readonly bytes: number;
}

/**
 * Reads a whole release and checks it: the manifest against its id and its schema, which also knows how long each table
 * must be; every file against its length and sha256; catalogue and golden requests against their formats and each other.
 */
export async function verifyRelease(store: Store, releaseId: string): Promise<Verification> {
  const faults: string[] = [];
  const collect = async <T>(check: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await check();
    } catch (error) {
      if (!(error instanceof ReleaseError)) throw error;
      faults.push(error.message);
      return undefined;
    }
  };
  const manifest = await collect(() => requireManifest(store, releaseId));
  if (manifest === undefined) return { releaseId, faults, files: 0, bytes: 0 };

  // Only the two small files are kept: tables can be large.
  const kept = new Map<string, Uint8Array>();
  let files = 0;
  let bytes = 0;
  for (const file of Object.keys(manifest.files)) {
    const body = await collect(() => readReleaseFile(store, releaseId, manifest, file));
    if (body === undefined) continue;
    files += 1;
    bytes += body.length;
    if (file === manifest.catalogue.file || file === manifest.golden) kept.set(file, body);
  }
  await collect(() => assertContents(manifest, kept));
  return { releaseId, faults, files, bytes };
}

async function requireManifest(store: Store, releaseId: string): Promise<Manifest> {
  const manifest = await readManifest(store, releaseId);
  if (manifest !== undefined) return manifest;
  throw new ReleaseError(`${store.description} has no release ${releaseId}, or one that was never finished`);
}

/** One file of a release. @throws ReleaseError when it is absent or not the one that the manifest lists */
export async function readReleaseFile(
  store: Store,
  releaseId: string,
  manifest: Manifest,
  file: string,
): Promise<Uint8Array> {
  const expected = manifest.files[file]!;
  const body = (await store.get(releaseKey(releaseId, file)))?.body;
  if (body === undefined) throw new ReleaseError(`${file} is missing`);
  if (body.length !== expected.bytes)
    throw new ReleaseError(`${file} has ${body.length} bytes instead of ${expected.bytes}`);
  const found = sha256(body);
  if (found !== expected.sha256)
    throw new ReleaseError(`${file} was altered: its sha256 is ${found} instead of ${expected.sha256}`);
  return body;
}

/** @throws ReleaseError unless catalogue and golden requests are what they must be and agree; those absent are passed over */
function assertContents(manifest: Manifest, kept: ReadonlyMap<string, Uint8Array>): void {
  const catalogueBytes = kept.get(manifest.catalogue.file);
  const goldenBytes = kept.get(manifest.golden);
  const catalogue = catalogueBytes && openCatalogue(aligned(catalogueBytes));
  if (catalogue !== undefined && catalogue.rows !== manifest.catalogue.items + 1)
    throw new ReleaseError(
      `${manifest.catalogue.file} has ${catalogue.rows - 1} items, the manifest says ${manifest.catalogue.items}`,
    );
  const golden = goldenBytes && parse(GoldenRequests, goldenBytes, manifest.golden);
  const fault = golden && goldenFault(manifest, golden);
  if (fault !== undefined) throw new ReleaseError(`${manifest.golden}: ${fault}`);
  if (catalogue === undefined || golden === undefined) return;
  for (const { itemId } of golden.requests.flatMap(({ items }) => items))
    if (catalogue.find(itemId) === 0)
      throw new ReleaseError(`${manifest.golden} expects item '${itemId}', which is not in the catalogue`);
}

/** The same bytes from a 4-byte boundary of their buffer, where the catalogue's numbers can be read in place. */
const aligned = (bytes: Uint8Array): Uint8Array =>
  bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
