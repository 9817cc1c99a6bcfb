import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readChannel, servingRelease } from '../../batch/release/channel.ts';
import { listReleases } from '../../batch/release/list.ts';
import { pruneReleases } from '../../batch/release/prune.ts';
import { type Publication, publish } from '../../batch/release/publish.ts';
import { rollback } from '../../batch/release/rollback.ts';
import { verifyRelease } from '../../batch/release/verify.ts';
import { openStore, type Store } from '../../batch/store/index.ts';
import { ReleaseError } from '../../shared/errors.ts';
import { channelKey, releaseKey } from '../../shared/release.ts';
import { startChild } from '../fixtures/child.ts';
import { generator } from '../fixtures/random.ts';
import { type FixtureRelease, fixtureRelease } from '../fixtures/release.ts';
import { dyingStore, Killed } from '../fixtures/store-wrappers.ts';
import type { StoreAddress } from './store.ts';

const channel = 'production';
const later = (): number => Date.now() + 3_600_000;

const serving = async (store: Store): Promise<string | undefined> => {
  const version = await readChannel(store, channel);
  return version && servingRelease(version.channel);
};

/** Whatever happened before: what serves is whole, and one of these. */
async function expectServing(store: Store, ...releases: readonly FixtureRelease[]): Promise<void> {
  const releaseId = await serving(store);
  expect(releases.map((release) => release.releaseId)).toContain(releaseId);
  expect((await verifyRelease(store, releaseId!)).faults).toEqual([]);
}

/** The life of releases in a store of this kind: published, killed on the way, contested, rolled back, pruned. */
export function releaseConformance(name: string, fresh: () => Promise<StoreAddress>): void {
  describe(`releases in ${name}`, () => {
    let a: FixtureRelease;
    let b: FixtureRelease;
    let c: FixtureRelease;
    beforeAll(async () => {
      const make = (seed: number) => fixtureRelease({ items: 60, dimensions: 16, seed, histories: 5 });
      [a, b, c] = [await make(1), await make(2), await make(3)];
    });
    const open = async (): Promise<Store> => {
      const { address, environment } = await fresh();
      return openStore(address, { baseDirectory: '/', environment });
    };

    it('are published, served, rolled back and published again', async () => {
      const store = await open();
      const first = await publish(store, { ...a, channel });
      expect(first).toMatchObject({ releaseId: a.releaseId, reused: [], replaced: undefined });
      expect(first.written).toEqual(
        [...a.files.keys(), 'manifest.json'].toSorted(
          (x, y) => +(x === 'manifest.json') - +(y === 'manifest.json') || (x < y ? -1 : 1),
        ),
      );
      await expectServing(store, a);

      expect(await publish(store, { ...b, channel })).toMatchObject({ replaced: a.releaseId });
      await expectServing(store, b);
      expect(await rollback(store, channel)).toEqual({ from: b.releaseId, to: a.releaseId });
      await expectServing(store, a);
      const again = await publish(store, { ...b, channel });
      expect(again.written).toEqual([]);
      await expectServing(store, b);
      expect((await readChannel(store, channel))?.channel.previous.map((e) => e.releaseId)).toEqual([
        a.releaseId,
      ]);
    });

    it.each(['before', 'after'] as const)(
      'survive a publisher that dies %s any of its writes',
      async (when) => {
        for (let n = 0, died = true; died; n++) {
          const store = await open();
          await publish(store, { ...a, channel });
          const dying = dyingStore(store, n, when);
          const outcome = await publish(dying, { ...b, channel }).catch((error: unknown) => error);
          died = dying.died();
          if (died) expect(outcome).toBeInstanceOf(Killed);
          // All but the last write leave the old release serving; the last one is the pointer itself.
          await expectServing(store, ...(died ? [a, b] : [b]));
          const listed = await listReleases(store);
          const half = listed.find((release) => release.releaseId === b.releaseId);
          if (half?.faults.length) await expectServing(store, a);

          await publish(store, { ...b, channel });
          await expectServing(store, b);
          expect((await verifyRelease(store, a.releaseId)).faults).toEqual([]);
          if (!died) expect(n).toBe(b.files.size + 2);
        }
      },
    );

    it('go away whole when what a killed publisher left is pruned', async () => {
      for (const n of [1, 3, b.files.size]) {
        const store = await open();
        await publish(store, { ...a, channel });
        await expect(publish(dyingStore(store, n, 'before'), { ...b, channel })).rejects.toThrow(Killed);
        await pruneReleases(store, { keep: 5, now: later() });
        expect((await listReleases(store)).map((release) => release.releaseId)).toEqual([a.releaseId]);
        await expectServing(store, a);
      }
    });

    it('that two publish at once: one wins, the other says so and loses nothing', async () => {
      for (let round = 0; round < 4; round++) {
        const { address, environment } = await fresh();
        const [store, other] = [0, 1].map(() => openStore(address, { baseDirectory: '/', environment }));
        if (round % 2 === 1) await publish(store!, { ...a, channel });
        const basis = (await readChannel(store!, channel)) ?? 'absent';
        const outcomes = await Promise.allSettled([
          publish(store!, { ...b, channel, basis }),
          publish(other!, { ...c, channel, basis }),
        ]);
        const won = outcomes.filter((outcome) => outcome.status === 'fulfilled');
        const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
        expect(won).toHaveLength(1);
        expect(lost).toHaveLength(1);
        const winner = (won[0] as PromiseFulfilledResult<Publication>).value.releaseId;
        const loser = winner === b.releaseId ? c : b;
        expect(lost[0]!.reason).toBeInstanceOf(ReleaseError);
        expect((lost[0]!.reason as Error).message).toMatch(/moved by somebody else/);
        expect((lost[0]!.reason as Error).message).toContain(winner);
        expect(await serving(store!)).toBe(winner);
        expect((await verifyRelease(store!, loser.releaseId)).faults).toEqual([]);

        await publish(store!, { ...loser, channel });
        await expectServing(store!, loser);
        expect((await readChannel(store!, channel))?.channel.previous[0]?.releaseId).toBe(winner);
      }
    });

    it('survive a prune that dies at any of its deletes', async () => {
      for (let n = 0, died = true; died; n++) {
        const store = await open();
        for (const release of [a, b, c]) await publish(store, { ...release, channel });
        const dying = dyingStore(store, n, n % 2 === 0 ? 'before' : 'after');
        await pruneReleases(dying, { keep: 1, now: later() }).catch((error: unknown) =>
          expect(error).toBeInstanceOf(Killed),
        );
        died = dying.died();
        await expectServing(store, c);
        await pruneReleases(store, { keep: 1, now: later() });
        expect((await listReleases(store)).map((release) => release.releaseId).toSorted()).toEqual(
          [b, c].map((release) => release.releaseId).toSorted(),
        );
        expect((await rollback(store, channel)).to).toBe(b.releaseId);
      }
    });

    describe('survive a publisher that is killed', () => {
      let source = '';
      let large: FixtureRelease;
      beforeAll(async () => {
        source = await mkdtemp(path.join(os.tmpdir(), 'perigee-source-'));
        large = await fixtureRelease({ items: 8_000, dimensions: 64, seed: 4, histories: 5 });
        await publish(openStore(source, { baseDirectory: '/', environment: {} }), { ...large, channel });
      });
      afterAll(() => rm(source, { recursive: true, force: true }));

      it('with SIGKILL, at or soon after each of its writes', async () => {
        const random = generator(7);
        const script = path.resolve(import.meta.dirname, '../fixtures/publish-copy.ts');
        const keys = [
          ...[...large.files.keys(), 'manifest.json'].map((file) => releaseKey(large.releaseId, file)),
          channelKey(channel),
        ];
        let interrupted = 0;
        for (const key of keys) {
          const { address, environment } = await fresh();
          const store = openStore(address, { baseDirectory: '/', environment });
          await publish(store, { ...a, channel });
          await using child = startChild(script, [source, large.releaseId, address, channel], environment);
          await child.prints(`put ${key}\n`);
          await sleep(random() * 4);
          await child.kill();
          if (!child.output().includes('done')) interrupted++;

          await expectServing(store, a, large);
          expect((await verifyRelease(store, a.releaseId)).faults).toEqual([]);
          await publish(store, { ...large, channel });
          await expectServing(store, large);
          const listed = await listReleases(store);
          expect(listed.map((release) => release.faults)).toEqual([[], []]);
        }
        // Were every child too quick for its killer, this would prove nothing.
        expect(interrupted).toBeGreaterThan(0);
      });
    });
  });
}
