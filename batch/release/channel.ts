import * as v from 'valibot';
import { canonicalJson } from '../../shared/canonical-json.ts';
import { ConfigError, ReleaseError } from '../../shared/errors.ts';
import { Channel, ChannelName, channelKey } from '../../shared/release.ts';
import type { Store } from '../store/store.ts';
import { parse } from './manifest.ts';

/** A channel's pointer as it was read: what to compare with before it is moved. */
export interface ChannelVersion {
  readonly channel: Channel;
  readonly etag: string;
}

/** How many earlier releases a pointer remembers, so that it stays small. */
const rememberedReleases = 20;

/** The pointer of a channel, or undefined when nothing was ever published there. */
export async function readChannel(store: Store, name: string): Promise<ChannelVersion | undefined> {
  if (!v.is(ChannelName, name)) throw new ConfigError(`Channel '${name}': expected a-z, 0-9 and -.`);
  const found = await store.get(channelKey(name));
  return found && { channel: parse(Channel, found.body, `channel ${name}`), etag: found.etag };
}

/** Every channel of a store by name. */
export async function readChannels(store: Store): Promise<ReadonlyMap<string, Channel>> {
  const channels = new Map<string, Channel>();
  for await (const { key } of store.list('channels/')) {
    const name = /^channels\/(.+)\.json$/.exec(key)?.[1];
    const version = name !== undefined && v.is(ChannelName, name) && (await readChannel(store, name));
    if (version) channels.set(name, version.channel);
  }
  return channels;
}

/** The release that a plain request gets. */
export const servingRelease = (channel: Channel): string => channel.releases[0]!.releaseId;

/**
 * Points a channel elsewhere in one write, if nobody did since `basis` was read (undefined: there was no channel).
 * @throws ReleaseError when somebody did; nothing is changed then
 */
export async function moveChannel(
  store: Store,
  name: string,
  basis: ChannelVersion | undefined,
  next: Channel,
): Promise<void> {
  const condition = basis === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: basis.etag };
  const body = new TextEncoder().encode(canonicalJson(next));
  if ((await store.put(channelKey(name), body, condition)) !== undefined) return;
  const now = await readChannel(store, name);
  const was = basis === undefined ? 'nothing' : servingRelease(basis.channel);
  throw new ReleaseError(
    `channel ${name} was moved by somebody else, from ${was} to ${now ? servingRelease(now.channel) : 'nothing'}, ` +
      `before it could be moved to ${servingRelease(next)}; it stays as they left it. Run again to go on from there.`,
  );
}

/** The pointer to one release, which remembers what served before. */
export function pointTo(releaseId: string, before: Channel | undefined): Channel {
  const updatedAt = new Date().toISOString();
  const previous = before?.previous ?? [];
  const last = before === undefined ? [] : [{ releaseId: servingRelease(before), until: updatedAt }];
  return {
    format: 1,
    releases: [{ releaseId, weight: 1 }],
    previous: [...last, ...previous]
      .filter((earlier) => earlier.releaseId !== releaseId)
      .slice(0, rememberedReleases),
    updatedAt,
  };
}
