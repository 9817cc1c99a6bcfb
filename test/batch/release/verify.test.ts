import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listReleases, showRelease } from '../../../batch/release/list.ts';
import { encodeManifest } from '../../../batch/release/manifest.ts';
import { publish } from '../../../batch/release/publish.ts';
import { verifyRelease } from '../../../batch/release/verify.ts';
import { sha256 } from '../../../batch/sha256.ts';
import { openStore, type Store } from '../../../batch/store/index.ts';
import { canonicalJson } from '../../../shared/canonical-json.ts';
import type { GoldenRequests, Manifest } from '../../../shared/release.ts';
import { releaseKey } from '../../../shared/release.ts';
import { type FixtureRelease, fixtureRelease } from '../../fixtures/release.ts';

const channel = 'production';
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

let root = '';
let store: Store;
beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'perigee-verify-'));
  store = openStore(root, { baseDirectory: '/', environment: {} });
});
afterEach(() => rm(root, { recursive: true, force: true }));

const kinds = ['embedding', 'neighbours', 'none'] as const;
const releaseOf = (kind: (typeof kinds)[number]): Promise<FixtureRelease> =>
  fixtureRelease({ items: 40, dimensions: 16, kind, histories: 4, bias: true, ownHistoryTable: true });

/** The faults of a release after one of its files was replaced. */
async function faultsWith(
  release: FixtureRelease,
  file: string,
  body: Uint8Array | undefined,
): Promise<readonly string[]> {
  await publish(store, { ...release, channel });
  const key = releaseKey(release.releaseId, file);
  if (body === undefined) await store.delete(key);
  else await store.put(key, body);
  return (await verifyRelease(store, release.releaseId)).faults;
}

/** Stores a release that is consistent but for what `change` does to its manifest and files. */
async function storeChanged(
  release: FixtureRelease,
  change: (files: Map<string, Uint8Array>, manifest: Manifest) => Manifest,
): Promise<string> {
  const files = new Map(release.files);
  const changed = change(files, release.manifest);
  const listed = Object.fromEntries(
    [...files].map(([file, body]) => [file, { sha256: sha256(body), bytes: body.length }]),
  );
  const encoded = encodeManifest({ ...changed, files: listed });
  for (const [file, body] of files) await store.put(releaseKey(encoded.releaseId, file), body);
  await store.put(releaseKey(encoded.releaseId, 'manifest.json'), encoded.bytes);
  return encoded.releaseId;
}

describe.each(kinds)('a release of kind %s', (kind) => {
  it('verifies as it was published, every byte read', async () => {
    const release = await releaseOf(kind);
    await publish(store, { ...release, channel });
    expect(await verifyRelease(store, release.releaseId)).toEqual({
      releaseId: release.releaseId,
      faults: [],
      files: release.files.size,
      bytes: [...release.files.values()].reduce((sum, body) => sum + body.length, 0),
    });
  });

  it('does not verify once any bit of any file is flipped, a byte is missing or added, or a file is gone', async () => {
    const release = await releaseOf(kind);
    for (const [file, body] of release.files) {
      for (const at of [0, body.length >> 1, body.length - 1]) {
        const flipped = Uint8Array.from(body, (byte, i) => (i === at ? byte ^ 0x10 : byte));
        expect(await faultsWith(release, file, flipped), file).toContainEqual(
          expect.stringMatching(
            new RegExp(`^${file} was altered: its sha256 is [0-9a-f]{64} instead of [0-9a-f]{64}$`),
          ),
        );
      }
      expect(await faultsWith(release, file, body.subarray(0, -1)), file).toEqual([
        `${file} has ${body.length - 1} bytes instead of ${body.length}`,
      ]);
      expect(await faultsWith(release, file, Uint8Array.of(...body, 0)), file).toHaveLength(1);
      expect(await faultsWith(release, file, undefined), file).toEqual([`${file} is missing`]);
    }
  });
});

describe('a manifest', () => {
  it.each([
    ['missing', () => undefined, /has no release [0-9a-f]{16}, or one that was never finished/],
    ['not JSON', () => bytes('not json'), /the manifest was altered: its id is now [0-9a-f]{16}/],
    [
      'better than it was',
      (manifest: Manifest) => encodeManifest({ ...manifest, quantisationRecall: 1 }).bytes,
      /the manifest was altered/,
    ],
  ])('that is %s is found out', async (_, change, message) => {
    const release = await releaseOf('none');
    const faults = await faultsWith(release, 'manifest.json', change(release.manifest));
    expect(faults).toEqual([expect.stringMatching(message)]);
  });

  it('of its own id but of another format is found out', async () => {
    const body = bytes(canonicalJson({ format: 2 }));
    const releaseId = sha256(body).slice(0, 16);
    await store.put(releaseKey(releaseId, 'manifest.json'), body);
    expect((await verifyRelease(store, releaseId)).faults).toEqual([
      expect.stringMatching(new RegExp(`^release ${releaseId}: manifest: format: `)),
    ]);
  });
});

it('a release with a ranker verifies, and not without what proves the ranker', async () => {
  const release = await fixtureRelease({ items: 40, dimensions: 16, histories: 4, ranker: {} });
  await publish(store, { ...release, channel });
  expect((await verifyRelease(store, release.releaseId)).faults).toEqual([]);
  expect([...release.files.keys()]).toEqual(expect.arrayContaining(['ranker.onnx', 'ranker.table']));
  for (const file of ['ranker.onnx', 'ranker.table'])
    expect(await faultsWith(release, file, undefined)).toEqual([`${file} is missing`]);
  const unproven = await storeChanged(release, (files, manifest) => {
    files.set(
      'golden.json',
      bytes(new TextDecoder().decode(files.get('golden.json')).replaceAll(/"probability":[^,]+,/g, '')),
    );
    return manifest;
  });
  expect((await verifyRelease(store, unproven)).faults).toEqual([
    expect.stringMatching(
      /^golden.json: expected golden requests with a probability for every item, found 0 of/,
    ),
  ]);
});

describe('right checksums do not hide', () => {
  it('golden requests that are none', async () => {
    const release = await releaseOf('none');
    const releaseId = await storeChanged(release, (files, manifest) => {
      files.set('golden.json', bytes('{"requests":[]}'));
      return manifest;
    });
    expect((await verifyRelease(store, releaseId)).faults).toEqual([
      expect.stringMatching(/^golden\.json: tolerance: /),
    ]);
  });

  it('golden requests that expect an unknown item', async () => {
    const release = await releaseOf('none');
    const releaseId = await storeChanged(release, (files, manifest) => {
      const golden: GoldenRequests = {
        tolerance: 0.01,
        requests: [{ history: [{ itemId: 'unknown too' }], items: [{ itemId: 'unknown', score: 1 }] }],
      };
      files.set('golden.json', bytes(JSON.stringify(golden)));
      return manifest;
    });
    expect((await verifyRelease(store, releaseId)).faults).toEqual([
      "golden.json expects item 'unknown', which is not in the catalogue",
    ]);
  });

  it('a catalogue that is none, or of another size', async () => {
    const release = await releaseOf('none');
    const broken = await storeChanged(release, (files, manifest) => {
      files.set('catalogue.bin', new Uint8Array(640));
      return manifest;
    });
    expect((await verifyRelease(store, broken)).faults).toEqual([expect.stringMatching(/^catalogue/)]);
    const smaller = await storeChanged(release, (_, manifest) => ({
      ...manifest,
      catalogue: { ...manifest.catalogue, items: 7 },
    }));
    expect((await verifyRelease(store, smaller)).faults).toEqual([
      'catalogue.bin has 40 items, the manifest says 7',
    ]);
  });
});

describe('the listing', () => {
  it('shows what is whole, what is not and why, and what serves where', async () => {
    const whole = await releaseOf('none');
    const half = await releaseOf('neighbours');
    await publish(store, { ...half, channel: 'staging' });
    await publish(store, { ...whole, channel });
    await publish(store, { ...whole, channel: 'canary' });
    await store.delete(releaseKey(half.releaseId, 'golden.json'));
    await store.put(releaseKey(half.releaseId, 'catalogue.bin'), bytes('cut'));
    await store.put(releaseKey('00000000deadbeef', 'catalogue.bin'), bytes('killed'));
    await store.put('releases/readme.txt', bytes('not a release'));
    await store.put('releases/notes/x', bytes('not a release'));
    const byId = new Map((await listReleases(store)).map((release) => [release.releaseId, release]));
    expect(byId.size).toBe(3);
    expect(byId.get(whole.releaseId)).toMatchObject({ faults: [], channels: ['canary', 'production'] });
    expect(byId.get(half.releaseId)).toMatchObject({
      faults: [
        expect.stringMatching(/^catalogue\.bin has 3 bytes instead of \d+$/),
        'golden.json is missing',
      ],
      channels: ['staging'],
    });
    expect(byId.get('00000000deadbeef')).toMatchObject({
      faults: ['manifest.json is missing'],
      channels: [],
      manifest: undefined,
      bytes: 6,
    });
    expect(await showRelease(store, half.releaseId)).toEqual(byId.get(half.releaseId));
    await expect(showRelease(store, 'ffffffffffffffff')).rejects.toThrow(/has no release ffffffffffffffff/);
  });
});
