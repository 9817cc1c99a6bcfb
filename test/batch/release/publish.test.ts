import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  moveChannel,
  pointTo,
  readChannel,
  readChannels,
  servingRelease,
} from '../../../batch/release/channel.ts';
import {
  decodeManifest,
  encodeManifest,
  readManifest,
  releaseIdOf,
} from '../../../batch/release/manifest.ts';
import { publish } from '../../../batch/release/publish.ts';
import { rollback } from '../../../batch/release/rollback.ts';
import { openStore, type Store } from '../../../batch/store/index.ts';
import { ConfigError, ReleaseError } from '../../../shared/errors.ts';
import { channelKey, releaseKey } from '../../../shared/release.ts';
import { type FixtureRelease, fixtureRelease } from '../../fixtures/release.ts';
import { watchedStore } from '../../fixtures/store-wrappers.ts';

const channel = 'production';
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

let a: FixtureRelease;
let b: FixtureRelease;
let c: FixtureRelease;
beforeAll(async () => {
  const make = (seed: number) => fixtureRelease({ items: 20, kind: 'none', seed, histories: 2 });
  [a, b, c] = [await make(1), await make(2), await make(3)];
});

let root = '';
let store: Store;
beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'perigee-release-'));
  store = openStore(root, { baseDirectory: '/', environment: {} });
});
afterEach(() => rm(root, { recursive: true, force: true }));

const serving = async (name = channel): Promise<string> =>
  servingRelease((await readChannel(store, name))!.channel);
const previous = async (): Promise<string[]> =>
  (await readChannel(store, channel))!.channel.previous.map((earlier) => earlier.releaseId);

describe('publish', () => {
  it('writes the files, then the manifest, then the pointer', async () => {
    const watched = watchedStore(store);
    await publish(watched, { ...a, channel });
    expect(watched.writes).toEqual([
      `put ${releaseKey(a.releaseId, 'catalogue.bin')}`,
      `put ${releaseKey(a.releaseId, 'columns.bin')}`,
      `put ${releaseKey(a.releaseId, 'golden.json')}`,
      `put ${releaseKey(a.releaseId, 'manifest.json')}`,
      `put ${channelKey(channel)}`,
    ]);
  });

  it('ends at its signal with the old release serving, and goes on when it is called again', async () => {
    await publish(store, { ...a, channel });
    const controller = new AbortController();
    const stopping: Store = {
      ...store,
      put(key, ...rest) {
        if (key.endsWith('manifest.json')) controller.abort();
        return store.put(key, ...rest);
      },
    };
    const interrupted = publish(stopping, { ...b, channel, signal: controller.signal });
    await expect(interrupted).rejects.toThrow('aborted');
    expect(await serving()).toBe(a.releaseId);
    const { reused } = await publish(store, { ...b, channel });
    expect(reused).not.toContain('manifest.json');
    expect(reused.length).toBeGreaterThan(0);
    expect(await serving()).toBe(b.releaseId);
  });

  it('writes nothing when the release serves already', async () => {
    await publish(store, { ...a, channel });
    const watched = watchedStore(store);
    expect(await publish(watched, { ...a, channel })).toEqual({
      releaseId: a.releaseId,
      written: [],
      reused: ['catalogue.bin', 'columns.bin', 'golden.json', 'manifest.json'],
      replaced: undefined,
    });
    expect(watched.writes).toEqual([]);
  });

  it('moves nothing but the pointer when the release lies there already', async () => {
    await publish(store, { ...a, channel });
    await publish(store, { ...b, channel });
    const watched = watchedStore(store);
    await publish(watched, { ...a, channel });
    expect(watched.writes).toEqual([`put ${channelKey(channel)}`]);
    expect(await serving()).toBe(a.releaseId);
  });

  it('repairs files of the release that were altered or lost', async () => {
    await publish(store, { ...a, channel });
    const altered = Uint8Array.from(a.files.get('catalogue.bin')!, (byte, i) =>
      i === 100 ? byte ^ 1 : byte,
    );
    await store.put(releaseKey(a.releaseId, 'catalogue.bin'), altered);
    await store.delete(releaseKey(a.releaseId, 'golden.json'));
    expect((await publish(store, { ...a, channel })).written).toEqual(['catalogue.bin', 'golden.json']);
  });

  it('remembers what served before, newest first, each once', async () => {
    for (const release of [a, b, c, a, b]) await publish(store, { ...release, channel });
    expect(await serving()).toBe(b.releaseId);
    expect(await previous()).toEqual([a.releaseId, c.releaseId]);
  });

  it('keeps channels apart', async () => {
    await publish(store, { ...a, channel: 'production' });
    await publish(store, { ...b, channel: 'staging' });
    expect([await serving('production'), await serving('staging')]).toEqual([a.releaseId, b.releaseId]);
    expect([...(await readChannels(store)).keys()]).toEqual(['production', 'staging']);
  });

  it('moves nothing when the channel moved since it was compared with', async () => {
    await publish(store, { ...a, channel });
    const basis = (await readChannel(store, channel))!;
    await publish(store, { ...b, channel });
    await expect(publish(store, { ...c, channel, basis })).rejects.toThrow(
      `channel production was moved by somebody else, from ${a.releaseId} to ${b.releaseId}, before it could be moved to ${c.releaseId}`,
    );
    await expect(publish(store, { ...c, channel, basis: 'absent' })).rejects.toThrow(ReleaseError);
    expect(await serving()).toBe(b.releaseId);
  });

  it('takes another publisher of the same release for no rival', async () => {
    await publish(store, { ...a, channel });
    const basis = (await readChannel(store, channel))!;
    const outcomes = await Promise.all([1, 2, 3].map(() => publish(store, { ...b, channel, basis })));
    expect(new Set(outcomes.map((outcome) => outcome.releaseId))).toEqual(new Set([b.releaseId]));
    expect(await previous()).toEqual([a.releaseId]);
  });

  it('restores what a prune took before it saw the pointer', async () => {
    const watched = watchedStore(store, async (call) => {
      if (call === `put ${channelKey(channel)}`) await store.delete(releaseKey(a.releaseId, 'golden.json'));
    });
    await publish(watched, { ...a, channel });
    expect(await store.head(releaseKey(a.releaseId, 'golden.json'))).toBeDefined();
  });

  it.each([
    [
      'is not given',
      (files: Map<string, Uint8Array>) => files.delete('golden.json'),
      /golden\.json: listed in the manifest, but not given/,
    ],
    [
      'is not listed',
      (files: Map<string, Uint8Array>) => files.set('extra.bin', bytes('x')),
      /extra\.bin: not listed/,
    ],
    [
      'is longer',
      (files: Map<string, Uint8Array>) => files.set('golden.json', bytes('{}')),
      /golden\.json: length or sha256/,
    ],
    [
      'is altered',
      (files: Map<string, Uint8Array>) =>
        files.set(
          'golden.json',
          files.get('golden.json')!.map((byte) => byte ^ 1),
        ),
      /golden\.json: length or sha256/,
    ],
  ])('writes nothing when a file %s', async (_, change, message) => {
    const files = new Map(a.files);
    change(files);
    const watched = watchedStore(store);
    await expect(publish(watched, { manifest: a.manifest, files, channel })).rejects.toThrow(message);
    expect(watched.writes).toEqual([]);
  });

  it('writes nothing when the manifest or the channel is not valid', async () => {
    const watched = watchedStore(store);
    const manifest = { ...a.manifest, maxHistory: Number.POSITIVE_INFINITY };
    await expect(publish(watched, { ...a, manifest, channel })).rejects.toThrow(/maxHistory/);
    await expect(publish(watched, { ...a, channel: '../x' })).rejects.toThrow(ConfigError);
    expect(watched.writes).toEqual([]);
  });

  it('stops at a pointer that it does not understand', async () => {
    await store.put(channelKey(channel), bytes('{"format":2}'));
    await expect(publish(store, { ...a, channel })).rejects.toThrow(/^channel production: format:/);
    await store.put(channelKey(channel), bytes('<html>'));
    await expect(publish(store, { ...a, channel })).rejects.toThrow(/^channel production: expected JSON/);
  });
});

describe('a manifest', () => {
  it('has the same id whatever the order of its keys, and another for other content', () => {
    const shuffled = Object.fromEntries(Object.entries(a.manifest).reverse()) as typeof a.manifest;
    expect(encodeManifest(shuffled).releaseId).toBe(a.releaseId);
    expect(encodeManifest({ ...a.manifest, seed: 99 }).releaseId).not.toBe(a.releaseId);
  });

  it('is named by the sha256 of its bytes', () => {
    // sha256 of 'abc', FIPS 180-2.
    expect(releaseIdOf(bytes('abc'))).toBe('ba7816bf8f01cfea');
  });

  it('is refused under another id, altered, or absent', async () => {
    const encoded = encodeManifest(a.manifest);
    expect(decodeManifest(encoded.bytes, a.releaseId)).toEqual(a.manifest);
    expect(() => decodeManifest(encoded.bytes, b.releaseId)).toThrow(/was altered/);
    expect(await readManifest(store, a.releaseId)).toBeUndefined();
  });
});

describe('rollback', () => {
  const publishAll = async (): Promise<void> => {
    for (const release of [a, b, c]) await publish(store, { ...release, channel });
  };

  it('goes back one release in one write, and further when asked again', async () => {
    await publishAll();
    const watched = watchedStore(store);
    expect(await rollback(watched, channel)).toEqual({ from: c.releaseId, to: b.releaseId });
    expect(watched.writes).toEqual([`put ${channelKey(channel)}`]);
    expect(await serving()).toBe(b.releaseId);
    expect(await rollback(store, channel)).toEqual({ from: b.releaseId, to: a.releaseId });
    await expect(rollback(store, channel)).rejects.toThrow(/there is nothing to go back to/);
    expect(await serving()).toBe(a.releaseId);
  });

  it('goes to a named release, back or forth', async () => {
    await publishAll();
    await rollback(store, channel, { releaseId: a.releaseId });
    expect([await serving(), await previous()]).toEqual([a.releaseId, []]);
    await rollback(store, channel, { releaseId: c.releaseId });
    expect([await serving(), await previous()]).toEqual([c.releaseId, [a.releaseId]]);
  });

  it('refuses a release that does not verify, is not there or serves already', async () => {
    await publishAll();
    await store.put(releaseKey(b.releaseId, 'golden.json'), bytes('{}'));
    const watched = watchedStore(store);
    await expect(rollback(watched, channel)).rejects.toThrow(
      `release ${b.releaseId} cannot serve, channel production stays at ${c.releaseId}: golden.json has 2 bytes`,
    );
    await expect(rollback(watched, channel, { releaseId: '0123456789abcdef' })).rejects.toThrow(
      /has no release 0123456789abcdef/,
    );
    await expect(rollback(watched, channel, { releaseId: c.releaseId })).rejects.toThrow(/serves .* already/);
    await expect(rollback(watched, 'staging')).rejects.toThrow(/channel staging does not exist/);
    expect(watched.writes).toEqual([]);
  });

  it('changes nothing when somebody moves the channel meanwhile', async () => {
    await publishAll();
    const rival = watchedStore(store, async () => {
      const version = (await readChannel(store, channel))!;
      await moveChannel(store, channel, version, pointTo(a.releaseId, version.channel));
    });
    await expect(rollback(rival, channel)).rejects.toThrow(/moved by somebody else/);
    expect(await serving()).toBe(a.releaseId);
  });

  it('as a dry run changes nothing', async () => {
    await publishAll();
    const watched = watchedStore(store);
    expect(await rollback(watched, channel, { dryRun: true })).toEqual({
      from: c.releaseId,
      to: b.releaseId,
    });
    expect(watched.writes).toEqual([]);
  });
});
