import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { moveChannel, pointTo, readChannel } from '../../../batch/release/channel.ts';
import { listReleases } from '../../../batch/release/list.ts';
import { pruneReleases } from '../../../batch/release/prune.ts';
import { publish } from '../../../batch/release/publish.ts';
import { rollback } from '../../../batch/release/rollback.ts';
import { verifyRelease } from '../../../batch/release/verify.ts';
import { openStore, type Store } from '../../../batch/store/index.ts';
import { releaseKey, releasePrefix } from '../../../shared/release.ts';
import { type FixtureRelease, fixtureRelease } from '../../fixtures/release.ts';
import { watchedStore } from '../../fixtures/store-wrappers.ts';

let releases: readonly FixtureRelease[];
beforeAll(async () => {
  const seeds = [1, 2, 3, 4, 5];
  releases = await Promise.all(
    seeds.map((seed) => fixtureRelease({ items: 10, kind: 'none', seed, histories: 1 })),
  );
});

let root = '';
let store: Store;
beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'perigee-prune-'));
  store = openStore(root, { baseDirectory: '/', environment: {} });
});
afterEach(() => rm(root, { recursive: true, force: true }));

const channel = 'production';
const later = (): number => Date.now() + 3_600_000;
const id = (index: number): string => releases[index]!.releaseId;
const ids = async (): Promise<string[]> =>
  (await listReleases(store)).map((release) => release.releaseId).toSorted();
const sorted = (...indices: readonly number[]): string[] => indices.map(id).toSorted();

/** Publishes releases by their index, oldest first, by the ticks of the file system's clock. */
async function publishAll(indices: readonly number[], to = channel): Promise<void> {
  for (const index of indices) {
    await publish(store, { ...releases[index]!, channel: to });
    await sleep(20);
  }
}

/** Uploads a release and never points to it, or, without its manifest, never finishes. */
async function upload(index: number, files: readonly string[]): Promise<void> {
  await publish(store, { ...releases[index]!, channel: 'elsewhere' });
  await store.delete('channels/elsewhere.json');
  for (const file of ['catalogue.bin', 'golden.json', 'manifest.json'])
    if (!files.includes(file)) await store.delete(releaseKey(id(index), file));
}

describe('prune', () => {
  it('keeps the newest, and removes what is older', async () => {
    await publishAll([0, 1, 2, 3, 4]);
    const pruned = await pruneReleases(store, { keep: 3, now: later() });
    expect(pruned.map(({ release, removed, reason }) => [release.releaseId, removed, reason])).toEqual([
      [id(4), false, 'serves on production'],
      [id(3), false, 'production would roll back to it'],
      [id(2), false, 'among the 3 newest'],
      [id(1), true, 'older than the 3 newest'],
      [id(0), true, 'older than the 3 newest'],
    ]);
    expect(await ids()).toEqual(sorted(2, 3, 4));
    const left: string[] = [];
    for await (const { key } of store.list('releases/')) left.push(key.split('/')[1]!);
    expect(new Set(left)).toEqual(new Set(sorted(2, 3, 4)));
  });

  it('takes releases of one second in the order in which the channel served them', async () => {
    await publishAll([0, 1, 2, 3, 4]);
    const second = new Date(Date.now() - 3_000);
    for (const index of [0, 1, 2, 3, 4])
      for (const file of await readdir(path.join(root, releasePrefix(id(index)))))
        await utimes(path.join(root, releaseKey(id(index), file)), second, second);
    await pruneReleases(store, { keep: 3, now: later() });
    expect(await ids()).toEqual(sorted(2, 3, 4));
  });

  it('keeps what any channel serves and would roll back to, however old', async () => {
    await publishAll([0, 1], 'staging');
    await publishAll([2, 3, 4]);
    await pruneReleases(store, { keep: 1, now: later() });
    expect(await ids()).toEqual(sorted(0, 1, 3, 4));
    expect((await rollback(store, 'staging')).to).toBe(id(0));
    await pruneReleases(store, { keep: 1, now: later() });
    expect(await ids()).toEqual(sorted(0, 3, 4));
    for (const index of [0, 3, 4]) expect((await verifyRelease(store, id(index))).faults).toEqual([]);
  });

  it('keeps every release that shares the traffic', async () => {
    await publishAll([0, 1, 2]);
    const version = (await readChannel(store, channel))!;
    await moveChannel(store, channel, version, {
      ...pointTo(id(2), version.channel),
      releases: [
        { releaseId: id(2), weight: 0.9 },
        { releaseId: id(0), weight: 0.1 },
      ],
    });
    await pruneReleases(store, { keep: 1, now: later() });
    expect(await ids()).toEqual(expect.arrayContaining(sorted(0, 2)));
  });

  it('keeps a damaged release that serves', async () => {
    await publishAll([0, 1, 2]);
    await store.delete(releaseKey(id(2), 'golden.json'));
    await pruneReleases(store, { keep: 1, now: later() });
    expect(await ids()).toContain(id(2));
  });

  it('removes what killed publishers left, once nobody can still be writing it', async () => {
    await publishAll([0]);
    await upload(1, ['catalogue.bin']);
    await upload(2, ['manifest.json']);
    await upload(3, ['catalogue.bin', 'golden.json', 'manifest.json']);
    await pruneReleases(store, { keep: 1 });
    expect(await ids()).toEqual(sorted(0, 1, 2, 3));
    const pruned = await pruneReleases(store, { keep: 1, now: later() });
    expect(new Map(pruned.map(({ release, reason }) => [release.releaseId, reason]))).toEqual(
      new Map([
        [id(0), 'serves on production'],
        [id(1), 'manifest.json is missing'],
        [id(2), 'catalogue.bin is missing'],
        [id(3), 'among the 1 newest'],
      ]),
    );
    expect(await ids()).toEqual(sorted(0, 3));
  });

  it('takes earlier releases at once: nobody is writing what has served already', async () => {
    await publishAll([0, 1, 2, 3]);
    await pruneReleases(store, { keep: 1 });
    expect(await ids()).toEqual(sorted(2, 3));
  });

  it('as a dry run says the same and changes nothing', async () => {
    await publishAll([0, 1, 2, 3]);
    const watched = watchedStore(store);
    const dry = await pruneReleases(watched, { keep: 2, dryRun: true, now: later() });
    expect(watched.writes).toEqual([]);
    expect(dry).toEqual(await pruneReleases(store, { keep: 2, now: later() }));
  });

  it('puts back a release that a channel moved to meanwhile', async () => {
    await publishAll([0, 1, 2, 3]);
    const rival = watchedStore(store, async (call) => {
      if (call === `delete ${releaseKey(id(0), 'manifest.json')}`)
        await rollback(store, channel, { releaseId: id(0) });
    });
    const pruned = await pruneReleases(rival, { keep: 1, now: later() });
    expect(pruned.find(({ release }) => release.releaseId === id(0))).toMatchObject({
      removed: false,
      reason: 'serves on production',
    });
    expect((await verifyRelease(store, id(0))).faults).toEqual([]);
  });

  it('stops before it removes anything when a channel cannot be read', async () => {
    await publishAll([0, 1, 2, 3]);
    await store.put('channels/staging.json', new TextEncoder().encode('{'));
    await expect(pruneReleases(store, { keep: 1, now: later() })).rejects.toThrow(
      /^channel staging: expected JSON/,
    );
    await store.delete('channels/staging.json');
    expect(await ids()).toEqual(sorted(0, 1, 2, 3));
  });

  it('leaves alone what is no release', async () => {
    await publishAll([0, 1]);
    await store.put('releases/notes/readme.txt', new Uint8Array(1));
    await store.put('reports/1.html', new Uint8Array(1));
    await pruneReleases(store, { keep: 1, now: later() });
    expect(await store.head('releases/notes/readme.txt')).toBeDefined();
    expect(await store.head('reports/1.html')).toBeDefined();
  });
});
