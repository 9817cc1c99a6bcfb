import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openCache } from '../../batch/cache.ts';
import type { Config, ConfigInput } from '../../batch/config.ts';
import { parseConfig } from '../../batch/load-config.ts';
import { type Outcome, runPipeline } from '../../batch/pipeline.ts';
import { readChannel, servingRelease } from '../../batch/release/channel.ts';
import { openStore } from '../../batch/store/index.ts';
import { seededRandom } from '../../batch/training/random.ts';
import { DataError } from '../../shared/errors.ts';

/** A small shop: two tastes, and what somebody buys next is of their own taste. */
const folder = mkdtempSync(path.join(tmpdir(), 'perigee-pipeline-'));
const lines: string[] = [];

function writeEvents(file: string, prefix: string): void {
  const random = seededRandom(1);
  const rows = ['user,item,time'];
  for (let user = 0; user < 120; user++) {
    for (let step = 0; step < 8; step++) {
      const item = (user % 2) * 20 + Math.floor(20 * random() ** 2);
      rows.push(`u${user},${prefix}${item},${1_600_000_000 + user * 1_000 + step * 86_400}`);
    }
  }
  writeFileSync(path.join(folder, file), `${rows.join('\n')}\n`);
}

const configOf = (changes: Partial<ConfigInput> = {}): Config =>
  parseConfig(
    {
      name: 'Small shop',
      data: {
        events: { path: 'events.csv', columns: { userId: 'user', itemId: 'item', time: 'time' } },
        eventKinds: { purchase: 1 },
      },
      evaluation: { at: [5], primary: 'ndcg@5', bootstrapSamples: 100 },
      models: {},
      ...changes,
    },
    'test',
  );

const store = openStore('store', { baseDirectory: folder, environment: {} });

async function run(config: Config, dryRun = false): Promise<Outcome> {
  return runPipeline(config, {
    baseDirectory: folder,
    backend: 'wasm',
    reportDirectory: path.join(folder, 'reports'),
    cache: await openCache(path.join(folder, 'cache')),
    store,
    openBucket: (address) => openStore(address, { baseDirectory: folder, environment: {} }),
    dryRun,
    signal: new AbortController().signal,
    reporter: {
      line: (text) => void lines.push(text),
      stage: (name, work) =>
        work({ progress: () => undefined, note: (text) => void lines.push(`${name} ${text}`) }),
    },
  });
}

const serving = async (): Promise<string | undefined> => {
  const channel = await readChannel(store, 'production');
  return channel && servingRelease(channel.channel);
};

beforeAll(() => {
  writeEvents('events.csv', 'item-');
  writeEvents('foreign.csv', 'other-');
});
beforeEach(() => void lines.splice(0));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the pipeline', () => {
  it('publishes nothing in a dry run', async () => {
    const outcome = await run(configOf(), true);
    expect(outcome.passed).toBe(true);
    expect(await serving()).toBeUndefined();
    expect(lines.join('\n')).toContain(`dry run: release ${outcome.release.releaseId} passed the gate`);
  });

  it('publishes the best model on validation, measured beside every baseline', async () => {
    const outcome = await run(configOf());
    expect(await serving()).toBe(outcome.release.releaseId);
    const { evaluation, model } = outcome.release.manifest;
    expect(evaluation.models.map(({ name }) => name).sort()).toEqual(['ease', 'item-knn', 'popularity']);
    expect(['ease', 'item-knn']).toContain(model.name);
    const report = readFileSync(outcome.report, 'utf8');
    expect(report).toContain(outcome.release.releaseId);
    expect(report).toMatch(/class="why".*because of/);
  });

  it('reuses every stage and yields the same release, byte for byte, when nothing changed', async () => {
    const again = await run(configOf());
    expect(again.release.releaseId).toBe(await serving());
    expect(
      lines.filter((line) => /^(fit|test|data|export)/.test(line)).every((line) => line.includes('reused')),
    ).toBe(true);
    await rm(path.join(folder, 'cache'), { recursive: true });
    expect((await run(configOf())).release.releaseId).toBe(again.release.releaseId);
  });

  it('refuses what loses to the serving release and leaves it serving', async () => {
    const before = await serving();
    const outcome = await run(configOf({ gate: { minimumRatio: 10 }, seed: 7 }));
    expect(outcome.passed).toBe(false);
    expect(outcome.reasons[0]).toContain(`loses to the serving release ${before}`);
    expect(await serving()).toBe(before);
    expect(readFileSync(outcome.report, 'utf8')).toContain('loses to the serving release');
  });

  it('stops before training when the data have drifted away from the serving release', async () => {
    const foreign = configOf({
      data: {
        events: { path: 'foreign.csv', columns: { userId: 'user', itemId: 'item', time: 'time' } },
        eventKinds: { purchase: 1 },
      },
    });
    await expect(run(foreign)).rejects.toThrow(DataError);
    await expect(run(foreign)).rejects.toThrow('drift');
    expect(lines.some((line) => line.startsWith('fit'))).toBe(false);
  });

  it('does not hold a release to answers that it was fitted on, under another split', async () => {
    const outcome = await run(configOf({ split: { kind: 'time' }, gate: { minimumRatio: 10 } }), true);
    expect(lines.join('\n')).toContain('was made under another split');
    expect(outcome.reasons.filter((reason) => reason.includes('serving release'))).toEqual([]);
  });

  it('refuses a channel that serves something else, before anything is read', async () => {
    await expect(run(configOf({ name: 'Another shop' }))).rejects.toThrow(
      /serves 'Small shop', and this config is 'Another shop'. Give it a 'channel'/,
    );
    expect(lines).toEqual([]);
  });

  it('takes no altered release for the one that serves', async () => {
    const key = `releases/${await serving()}/neighbours.table`;
    const { body } = (await store.get(key))!;
    await store.put(
      key,
      body.map((byte, at) => (at < body.length / 2 ? 0 : byte)),
    );
    await run(configOf({ seed: 8 }), true);
    expect(lines.join('\n')).toMatch(/cannot be read.*neighbours\.table was altered/);
    await store.put(key, body);
  });

  it('goes on, and says so, when the serving release cannot be read', async () => {
    await store.delete(`releases/${await serving()}/manifest.json`);
    const outcome = await run(configOf({ seed: 9 }));
    expect(lines.join('\n')).toContain('the serving release cannot be read');
    expect(await serving()).toBe(outcome.release.releaseId);
  });
});
