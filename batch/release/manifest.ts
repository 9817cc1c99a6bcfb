import * as v from 'valibot';
import { canonicalJson } from '../../shared/canonical-json.ts';
import { ReleaseError } from '../../shared/errors.ts';
import { Manifest, manifestFile, releaseIdLength, releaseKey } from '../../shared/release.ts';
import { sha256 } from '../sha256.ts';
import type { Store } from '../store/store.ts';

/** The id of the release whose manifest.json has these bytes. */
export const releaseIdOf = (manifestBytes: Uint8Array): string =>
  sha256(manifestBytes).slice(0, releaseIdLength);

/**
 * A manifest as it is stored: canonical JSON in UTF-8, and the id that follows from it.
 * @throws ReleaseError when it is not a valid manifest, or holds what JSON cannot (an infinite number)
 */
export function encodeManifest(manifest: Manifest): { bytes: Uint8Array; releaseId: string } {
  const bytes = new TextEncoder().encode(canonicalJson(manifest));
  parse(Manifest, bytes, 'manifest');
  return { bytes, releaseId: releaseIdOf(bytes) };
}

/** @throws ReleaseError when the bytes are not the manifest of that release */
export function decodeManifest(bytes: Uint8Array, releaseId: string): Manifest {
  const found = releaseIdOf(bytes);
  if (found !== releaseId)
    throw new ReleaseError(`release ${releaseId}: the manifest was altered: its id is now ${found}`);
  return parse(Manifest, bytes, `release ${releaseId}: manifest`);
}

/** The manifest of a release, or undefined when it has none: it does not exist or was never finished. */
export async function readManifest(store: Store, releaseId: string): Promise<Manifest | undefined> {
  const found = await store.get(releaseKey(releaseId, manifestFile));
  return found && decodeManifest(found.body, releaseId);
}

/** Reads JSON against a schema. @throws ReleaseError that names `what`, where in it, what was expected and found */
export function parse<S extends v.GenericSchema>(
  schema: S,
  bytes: Uint8Array,
  what: string,
): v.InferOutput<S> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ReleaseError(`${what}: expected JSON: ${(cause as Error).message}`, { cause });
  }
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const issues = result.issues.map((issue) => `${v.getDotPath(issue) ?? '(root)'}: ${issue.message}`);
  throw new ReleaseError(`${what}: ${issues.join('; ')}`);
}
