import { ReleaseError } from '../../shared/errors.ts';
import { type Manifest, manifestFile, releaseKey, releasePrefix } from '../../shared/release.ts';
import { sha256 } from '../sha256.ts';
import type { Store } from '../store/store.ts';
import { type ChannelVersion, moveChannel, pointTo, readChannel, servingRelease } from './channel.ts';
import { encodeManifest } from './manifest.ts';

export interface Publishable {
  /** Every file that the manifest lists, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly manifest: Manifest;
  readonly channel: string;
  /**
   * The channel as it was when this release was compared with it; `absent` when there was none. Left out: as it is when
   * publishing starts.
   */
  readonly basis?: ChannelVersion | 'absent';
  /** Ends it up to the moment when the channel moves. */
  readonly signal?: AbortSignal | undefined;
}

export interface Publication {
  readonly releaseId: string;
  /** Files written, and files that were there already, from an earlier attempt. */
  readonly written: readonly string[];
  readonly reused: readonly string[];
  /** The release that served before; undefined when none did, or when this very one serves already. */
  readonly replaced: string | undefined;
}

/**
 * Publishes a release: its files, then its manifest, then the channel's pointer, so that whatever a channel points to
 * is whole. Killed or ended by its signal anywhere, it leaves the old release serving, and publishing again finishes the work.
 * @throws ReleaseError when files and manifest do not agree, or when another publisher moved the channel first: the
 * release is then stored and can be put to use with a rollback to it, but does not serve
 */
export async function publish(store: Store, release: Publishable): Promise<Publication> {
  const { files, manifest, channel, signal } = release;
  assertFiles(manifest, files);
  const { bytes, releaseId } = encodeManifest(manifest);
  const current = await readChannel(store, channel);
  const basis =
    release.basis === undefined ? current : release.basis === 'absent' ? undefined : release.basis;

  // The manifest comes last: where it is, everything that it lists was written before.
  const content = new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1))).set(manifestFile, bytes);
  const written: string[] = [];
  const reused: string[] = [];
  const present = await sizes(store, releaseId);
  for (const [file, body] of content) {
    signal?.throwIfAborted();
    const there =
      present.get(file) === body.length && (await holds(store, releaseKey(releaseId, file), body));
    if (!there) await store.put(releaseKey(releaseId, file), body, undefined, signal);
    (there ? reused : written).push(file);
  }

  if (serves(current, releaseId)) return { releaseId, written, reused, replaced: undefined };
  signal?.throwIfAborted();
  try {
    await moveChannel(store, channel, basis, pointTo(releaseId, basis?.channel));
  } catch (error) {
    // Another publisher of the same release is no rival.
    if (!(error instanceof ReleaseError) || !serves(await readChannel(store, channel), releaseId))
      throw error;
  }
  await restore(store, releaseId, content);
  return { releaseId, written, reused, replaced: basis && servingRelease(basis.channel) };
}

const serves = (version: ChannelVersion | undefined, releaseId: string): boolean =>
  version?.channel.releases.length === 1 && servingRelease(version.channel) === releaseId;

function assertFiles(manifest: Manifest, files: ReadonlyMap<string, Uint8Array>): void {
  for (const name of new Set([...Object.keys(manifest.files), ...files.keys()])) {
    const listed = manifest.files[name];
    const body = files.get(name);
    if (listed === undefined || body === undefined)
      throw new ReleaseError(
        `file ${name}: ${listed ? 'listed in the manifest, but not given' : 'not listed'}`,
      );
    if (listed.bytes !== body.length || listed.sha256 !== sha256(body))
      throw new ReleaseError(`file ${name}: length or sha256 is not what the manifest says`);
  }
}

async function sizes(store: Store, releaseId: string): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  const prefix = releasePrefix(releaseId);
  for await (const { key, bytes } of store.list(prefix)) found.set(key.slice(prefix.length), bytes);
  return found;
}

async function holds(store: Store, key: string, body: Uint8Array): Promise<boolean> {
  const found = await store.get(key);
  return found !== undefined && Buffer.compare(found.body, body) === 0;
}

/** A prune that began before the pointer moved may have taken files of a release that was published before. */
async function restore(store: Store, releaseId: string, content: ReadonlyMap<string, Uint8Array>) {
  const present = await sizes(store, releaseId);
  for (const [file, body] of content)
    if (!present.has(file)) await store.put(releaseKey(releaseId, file), body);
}
