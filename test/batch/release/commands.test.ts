import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { releaseCommand } from '../../../batch/release/commands.ts';
import { formatBytes, table } from '../../../batch/release/format.ts';
import { encodeManifest } from '../../../batch/release/manifest.ts';
import { publish } from '../../../batch/release/publish.ts';
import { openStore, type Store } from '../../../batch/store/index.ts';
import { ConfigError, ReleaseError } from '../../../shared/errors.ts';
import { releaseKey } from '../../../shared/release.ts';
import { type FixtureRelease, fixtureRelease } from '../../fixtures/release.ts';
import { watchedStore } from '../../fixtures/store-wrappers.ts';

let root = '';
let store: Store;
let a: FixtureRelease;
let b: FixtureRelease;
beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'perigee-commands-'));
  store = openStore('store', { baseDirectory: root, environment: {} });
  [a, b] = (await Promise.all(
    [1, 2].map((seed) => fixtureRelease({ items: 30, kind: 'neighbours', seed, histories: 3 })),
  )) as [FixtureRelease, FixtureRelease];
});
afterAll(() => rm(root, { recursive: true, force: true }));

const command = (rest: string, options: { keep?: number; dryRun?: boolean } = {}): Promise<string> =>
  releaseCommand(store, 'production', rest.split(' ').filter(Boolean), {
    keep: 5,
    dryRun: false,
    ...options,
  });

/** Times differ from run to run. */
const timeless = (text: string): string =>
  text.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d UTC/g, '2026-01-01 00:00 UTC');

describe('perigee release', () => {
  it('says that nothing is there before anything was published', async () => {
    expect(await command('list')).toBe('No release in directory store.');
    expect(await command('prune')).toBe('No release, nothing to prune.');
    for (const verb of ['show', 'verify'])
      await expect(command(verb)).rejects.toThrow(/^Channel production of directory store serves nothing/);
    await expect(command('rollback')).rejects.toThrow(/^channel production does not exist/);
  });

  it('lists releases, newest first, with what each is', async () => {
    // Apart by the ticks of the file system's clock.
    await publish(store, { ...a, channel: 'production' });
    await sleep(20);
    await publish(store, { ...b, channel: 'production' });
    await sleep(20);
    await store.put(releaseKey('00000000deadbeef', 'catalogue.bin'), new Uint8Array(1_500));
    const sum = (release: FixtureRelease): string =>
      formatBytes(
        [...release.files.values()].reduce((bytes, body) => bytes + body.length, 0) + manifestBytes(release),
      );
    const lines = timeless(await command('list')).split('\n');
    expect(lines.map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['release', 'written', 'size', 'model', 'metric', 'status'],
      ['00000000deadbeef', '2026-01-01 00:00 UTC', '1.5 kB', 'incomplete: manifest.json is missing'],
      [
        b.releaseId,
        '2026-01-01 00:00 UTC',
        sum(b),
        'fixture-neighbours',
        'ndcg@10 0.0000',
        'serves on production',
      ],
      [a.releaseId, '2026-01-01 00:00 UTC', sum(a), 'fixture-neighbours', 'ndcg@10 0.0000'],
    ]);
    expect(lines.every((line) => line === line.trimEnd())).toBe(true);
  });

  it('shows the release that serves, or a named one', async () => {
    const shown = await command('show');
    expect(shown).toContain(b.releaseId);
    for (const fact of [
      'serves on',
      'production',
      'Fixture 2',
      'fixture-neighbours (neighbours)',
      'popularity',
      'neighbours.table',
      b.manifest.data.fingerprint,
    ])
      expect(shown).toContain(fact);
    for (const { sha256 } of Object.values(b.manifest.files)) expect(shown).toContain(sha256);
    expect(await command(`show ${a.releaseId}`)).toContain('Fixture 1');
    expect(await command('show 00000000deadbeef')).toContain('manifest.json is missing');
    await expect(command('show ffffffffffffffff')).rejects.toThrow(ReleaseError);
  });

  it('lists and shows a ranker beside what it ranks', async () => {
    const other = openStore('ranked', { baseDirectory: root, environment: {} });
    const release = await fixtureRelease({ items: 30, kind: 'neighbours', histories: 3, ranker: {} });
    await publish(other, { ...release, channel: 'production' });
    const run = (verb: string) => releaseCommand(other, 'production', [verb], { keep: 5, dryRun: false });
    expect(await run('list')).toContain('fixture-neighbours + fixture-ranker');
    const shown = (await run('show')).split('\n').map((line) => line.trim().split(/ {2,}/));
    expect(shown).toEqual(
      expect.arrayContaining([
        ['ranker', 'fixture-ranker, over 200 candidates'],
        ['context', 'daytime (4 values), device (2 values)'],
        ['ranker test', 'none: random weights; 0 examples'],
        ['int8', `moves no probability by more than ${release.manifest.ranker!.quantisationDifference}`],
        ['ranker', 'auc', 'logLoss', 'ece'],
        ['fixture-ranker', '0.5000', '0.7000', '0.1000'],
      ]),
    );
  });

  it('verifies, and fails with every fault of a release that does not', async () => {
    expect(await command('verify')).toMatch(
      new RegExp(`^Release ${b.releaseId} is whole: 4 files, .* every checksum right\\.$`),
    );
    expect(await command(`verify ${a.releaseId}`)).toMatch(/is whole/);
    await expect(command('verify 00000000deadbeef')).rejects.toThrow(ReleaseError);
    await expect(command('verify 00000000deadbeef')).rejects.toThrow(
      /^Release 00000000deadbeef cannot serve:\n {2}/,
    );
  });

  it('rolls back, and says what a dry run would do', async () => {
    expect(await command('rollback', { dryRun: true })).toBe(
      `Channel production would serve ${a.releaseId}, instead of ${b.releaseId}.`,
    );
    expect(await command('rollback')).toBe(
      `Channel production now serves ${a.releaseId}, no longer ${b.releaseId}.`,
    );
    expect(await command(`rollback ${b.releaseId}`)).toBe(
      `Channel production now serves ${b.releaseId}, no longer ${a.releaseId}.`,
    );
  });

  it('prunes, and says what a dry run would do', async () => {
    const dry = await command('prune', { keep: 1, dryRun: true });
    expect(dry).toContain('would keep');
    expect(dry).toContain('just written, perhaps by a publisher that is not done');
    expect(dry).toMatch(/Would free 0 bytes: 0 releases\.$/);
    expect(await command('prune', { keep: 1 })).toMatch(/Freed 0 bytes: 0 releases\.$/);
  });

  it.each([
    '',
    'remove',
    'list 0123456789abcdef',
    'prune all',
    'show 0123456789abcdef more',
    'show latest',
    'verify ../x',
    'rollback DEADBEEFDEADBEEF',
  ])('refuses %j as arguments and touches nothing', async (rest) => {
    const watched = watchedStore(store);
    const calling = releaseCommand(watched, 'production', rest.split(' ').filter(Boolean), {
      keep: 5,
      dryRun: false,
    });
    await expect(calling).rejects.toThrow(ConfigError);
    expect(watched.writes).toEqual([]);
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses --keep %d', async (keep) => {
    await expect(command('prune', { keep })).rejects.toThrow(/^--keep: expected a whole number from 1/);
  });
});

const manifestBytes = (release: FixtureRelease): number => encodeManifest(release.manifest).bytes.length;

describe('terminal text', () => {
  it.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1_000, '1.0 kB'],
    [1_234_567, '1.2 MB'],
    [89_700_000, '89.7 MB'],
    [5e12, '5.0 TB'],
    [5e15, '5000.0 TB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('aligns columns', () => {
    expect(
      table(
        [
          ['a', 'size'],
          ['long name', '1'],
        ],
        [1],
      ),
    ).toBe('  a          size\n  long name     1');
  });
});
