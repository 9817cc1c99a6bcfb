import { type Channel, manifestFile, releaseKey, releasePrefix } from '../../shared/release.ts';
import type { Store } from '../store/store.ts';
import { readChannels } from './channel.ts';
import { listReleases, type StoredRelease } from './list.ts';

/** A younger release that no channel knows may be in the middle of being published, ms. */
const settledAfter = 15 * 60_000;

export interface PrunedRelease {
  readonly release: StoredRelease;
  readonly removed: boolean;
  /** Why it is kept or removed. */
  readonly reason: string;
}

export interface PruneOptions {
  /** How many of the newest whole releases stay, besides those that channels need. */
  readonly keep: number;
  /** Says what would go and removes nothing. */
  readonly dryRun?: boolean;
  /** Unix milliseconds. */
  readonly now?: number;
}

/**
 * Removes old releases and what killed publishers left. What a channel points to, and what it would roll back to,
 * stays, whatever its age. A release loses its manifest first, so that one that is half removed is not taken for a
 * whole one; and the channels are read again before its files go.
 */
export async function pruneReleases(store: Store, options: PruneOptions): Promise<PrunedRelease[]> {
  // Releases first: one that is published after this listing is not judged.
  const releases = await listReleases(store);
  const channels = await readChannels(store);
  const judged = judge(releases, channels, options);
  if (options.dryRun === true) return judged;
  const result: PrunedRelease[] = [];
  for (const verdict of judged) result.push(verdict.removed ? await remove(store, verdict) : verdict);
  return result;
}

function judge(
  releases: readonly StoredRelease[],
  channels: ReadonlyMap<string, Channel>,
  { keep, now = Date.now() }: PruneOptions,
): PrunedRelease[] {
  const known = new Set(
    [...channels.values()].flatMap((channel) => channel.previous.map((e) => e.releaseId)),
  );
  const whole = releases.filter((release) => release.faults.length === 0);
  const newest = new Set(whole.slice(0, keep).map((release) => release.releaseId));
  return releases.map((release) => {
    const { releaseId } = release;
    const keepFor = (reason: string): PrunedRelease => ({ release, removed: false, reason });
    const need = needOf(releaseId, channels);
    if (need !== undefined) return keepFor(need);
    if (!known.has(releaseId) && now - release.writtenAt.getTime() < settledAfter)
      return keepFor('just written, perhaps by a publisher that is not done');
    if (release.faults.length > 0) return { release, removed: true, reason: release.faults[0]! };
    if (newest.has(releaseId)) return keepFor(`among the ${keep} newest`);
    return { release, removed: true, reason: `older than the ${keep} newest` };
  });
}

/** Why a channel needs a release; undefined when none does. */
function needOf(releaseId: string, channels: ReadonlyMap<string, Channel>): string | undefined {
  for (const [name, { releases }] of channels)
    if (releases.some((release) => release.releaseId === releaseId)) return `serves on ${name}`;
  for (const [name, { previous }] of channels)
    if (previous[0]?.releaseId === releaseId) return `${name} would roll back to it`;
  return undefined;
}

async function remove(store: Store, verdict: PrunedRelease): Promise<PrunedRelease> {
  const { releaseId } = verdict.release;
  const manifestKey = releaseKey(releaseId, manifestFile);
  const manifest = await store.get(manifestKey);
  await store.delete(manifestKey);
  const need = needOf(releaseId, await readChannels(store));
  if (need !== undefined) {
    if (manifest !== undefined) await store.put(manifestKey, manifest.body);
    return { ...verdict, removed: false, reason: need };
  }
  const keys: string[] = [];
  for await (const { key } of store.list(releasePrefix(releaseId))) keys.push(key);
  for (const key of keys) await store.delete(key);
  return verdict;
}
