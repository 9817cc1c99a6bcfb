import * as v from 'valibot';
import { ReleaseError } from '../../shared/errors.ts';
import { type Channel, type Manifest, manifestFile, ReleaseId, releasePrefix } from '../../shared/release.ts';
import type { ListedObject, Store } from '../store/store.ts';
import { readChannels } from './channel.ts';
import { readManifest } from './manifest.ts';

/** A release as it lies in the store. */
export interface StoredRelease {
  readonly releaseId: string;
  /** When its newest object was written. */
  readonly writtenAt: Date;
  /** Of all its objects together. */
  readonly bytes: number;
  /** Undefined when there is none, or one that is not this release's. */
  readonly manifest: Manifest | undefined;
  /** Why it cannot serve: a sentence each; empty for a whole release. Contents are not read: see verifyRelease. */
  readonly faults: readonly string[];
  /** Channels that point to it. */
  readonly channels: readonly string[];
}

const releasesPrefix = 'releases/';

/** Every release of a store, newest first, whole or not. */
export async function listReleases(store: Store): Promise<StoredRelease[]> {
  const channels = await readChannels(store);
  const objects = new Map<string, ListedObject[]>();
  for await (const object of store.list(releasesPrefix)) {
    const releaseId = object.key.slice(releasesPrefix.length).split('/')[0]!;
    if (!v.is(ReleaseId, releaseId)) continue;
    objects.set(releaseId, [...(objects.get(releaseId) ?? []), object]);
  }
  const releases: StoredRelease[] = [];
  for (const [releaseId, found] of objects) releases.push(await describe(store, releaseId, found, channels));
  // S3 tells whole seconds: within one, what a channel served later is the newer.
  const age = ({ releaseId }: StoredRelease): number =>
    Math.min(...[...channels.values()].map((channel) => ageIn(channel, releaseId)));
  return releases.sort((a, b) => b.writtenAt.getTime() - a.writtenAt.getTime() || age(a) - age(b) || 0);
}

/** How many releases a channel has served since this one; infinite for one that it does not know. */
function ageIn({ releases, previous }: Channel, releaseId: string): number {
  if (releases.some((release) => release.releaseId === releaseId)) return 0;
  const at = previous.findIndex((earlier) => earlier.releaseId === releaseId);
  return at < 0 ? Number.POSITIVE_INFINITY : at + 1;
}

/** One release of a store. @throws ReleaseError when it has none of that id */
export async function showRelease(store: Store, releaseId: string): Promise<StoredRelease> {
  const found: ListedObject[] = [];
  for await (const object of store.list(releasePrefix(releaseId))) found.push(object);
  if (found.length === 0) throw new ReleaseError(`${store.description} has no release ${releaseId}.`);
  return describe(store, releaseId, found, await readChannels(store));
}

async function describe(
  store: Store,
  releaseId: string,
  objects: readonly ListedObject[],
  channels: ReadonlyMap<string, Channel>,
): Promise<StoredRelease> {
  const files = new Map(objects.map((object) => [object.key.slice(releasePrefix(releaseId).length), object]));
  const newest = objects.reduce((a, b) => (a.lastModified > b.lastModified ? a : b));
  const { manifest, faults } = await manifestOf(store, releaseId);
  const pointing = [...channels].filter(([, channel]) =>
    channel.releases.some((release) => release.releaseId === releaseId),
  );
  return {
    releaseId,
    writtenAt: newest.lastModified,
    bytes: objects.reduce((sum, object) => sum + object.bytes, 0),
    manifest,
    faults: [...faults, ...(manifest === undefined ? [] : missingFiles(manifest, files))],
    channels: pointing.map(([name]) => name),
  };
}

async function manifestOf(store: Store, releaseId: string) {
  try {
    const manifest = await readManifest(store, releaseId);
    return { manifest, faults: manifest === undefined ? [`${manifestFile} is missing`] : [] };
  } catch (error) {
    if (!(error instanceof ReleaseError)) throw error;
    return { manifest: undefined, faults: [error.message] };
  }
}

/** What the manifest lists and the store does not have, or has in another length. */
function missingFiles(manifest: Manifest, files: ReadonlyMap<string, ListedObject>): string[] {
  return Object.entries(manifest.files).flatMap(([file, { bytes }]) => {
    const found = files.get(file);
    if (found === undefined) return [`${file} is missing`];
    return found.bytes === bytes ? [] : [`${file} has ${found.bytes} bytes instead of ${bytes}`];
  });
}
