import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openCache } from '../../../batch/cache.ts';
import type { ConfigInput } from '../../../batch/config.ts';
import { parseConfig } from '../../../batch/load-config.ts';
import { type Outcome, runPipeline } from '../../../batch/pipeline.ts';
import { openStore } from '../../../batch/store/index.ts';
import { seededRandom } from '../../../batch/training/random.ts';
import { ConfigError, DataError } from '../../../shared/errors.ts';

/** A small cinema: two tastes, likes and dislikes, and in the evening everybody likes the first films. */
const folder = mkdtempSync(path.join(tmpdir(), 'perigee-ranker-'));
const lines: string[] = [];

function writeViews(): void {
  const random = seededRandom(4);
  const rows = ['user,film,time,opinion,daytime'];
  for (let user = 0; user < 150; user++) {
    for (let step = 0; step < 24; step++) {
      const film = Math.floor(24 * random());
      const daytime = random() < 0.5 ? 'evening' : 'noon';
      const wanted = (film + user) % 2 === 0 || (daytime === 'evening' && film < 6);
      const opinion = wanted !== random() < 0.05 ? 'like' : 'dislike';
      rows.push(`u${user},f${film},${1_600_000_000 + step * 86_400 + user},${opinion},${daytime}`);
    }
  }
  writeFileSync(path.join(folder, 'views.csv'), `${rows.join('\n')}\n`);
}

const options = {
  dimensions: 8,
  heads: 2,
  headWidth: 8,
  hidden: [16],
  batchSize: 512,
  epochs: 40,
  validationsPerEpoch: 0.2,
  learningRate: 0.01,
};

const configOf = (
  ranker: ConfigInput['ranker'],
  eventKinds = { like: 1, dislike: 0 } as Record<string, number>,
) =>
  parseConfig(
    {
      name: 'Small cinema',
      data: {
        events: {
          path: 'views.csv',
          columns: {
            userId: 'user',
            itemId: 'film',
            time: 'time',
            kind: 'opinion',
            context: { daytime: 'daytime' },
          },
        },
        eventKinds,
      },
      evaluation: { at: [5], primary: 'ndcg@5', bootstrapSamples: 100 },
      models: {},
      ...(ranker && { ranker }),
    },
    'test',
  );

async function run(config: ReturnType<typeof configOf>): Promise<Outcome> {
  return runPipeline(config, {
    baseDirectory: folder,
    backend: 'wasm',
    reportDirectory: path.join(folder, 'reports'),
    cache: await openCache(path.join(folder, 'cache')),
    store: openStore('store', { baseDirectory: folder, environment: {} }),
    openBucket: (address) => openStore(address, { baseDirectory: folder, environment: {} }),
    dryRun: true,
    signal: new AbortController().signal,
    reporter: {
      line: (text) => void lines.push(text),
      stage: (name, work) =>
        work({ progress: () => undefined, note: (text) => void lines.push(`${name} ${text}`) }),
    },
  });
}

beforeAll(writeViews);
beforeEach(() => void lines.splice(0));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a ranker in the pipeline', () => {
  it('is released beside the model that retrieves, with its figures and those of its rivals', async () => {
    const { release } = await run(configOf({ options }));
    const { ranker, data } = release.manifest;
    expect(ranker?.model.name).toBe('ctr-ranker');
    expect(ranker?.context).toEqual([{ name: 'daytime', values: ['evening', 'noon'] }]);
    expect(ranker?.evaluation.models.map(({ name }) => name)).toEqual([
      'ctr-ranker',
      'constant rate',
      'user and item bias',
      'logistic regression',
      'factorisation machine',
    ]);
    const [own, , , simple] = ranker!.evaluation.models;
    expect(own!.metrics.auc.lower).toBeGreaterThan(simple!.metrics.auc.upper);
    expect(ranker?.evaluation.protocol).toMatch(/^rows from 2020/);
    // Retrieval is of what was liked: dislikes are no events there.
    expect(data.events).toBeLessThan(150 * 24);
    expect(release.files.has('ranker.onnx')).toBe(true);
    expect(lines.join('\n')).toMatch(
      /rank ctr-ranker AUC 0\.\d+, calibration error 0\.\d+ on the test rows\n/,
    );
  });

  it('is reused when nothing changed, and the release is the same', async () => {
    const first = await run(configOf({ options }));
    expect(lines.some((line) => /^rank .*, reused$/.test(line))).toBe(true);
    expect((await run(configOf({ options }))).release.releaseId).toBe(first.release.releaseId);
  });

  it('stays out of a release when it does not beat logistic regression, and the run says so', async () => {
    const { release, passed, report } = await run(
      configOf({ options: { ...options, epochs: 1, learningRate: 1e-6 } }),
    );
    expect(passed).toBe(true);
    expect(release.manifest.ranker).toBeUndefined();
    expect(readFileSync(report, 'utf8')).toContain('It is not released');
    expect(lines.join('\n')).toMatch(/not released/);
    expect(lines.join('\n')).toMatch(
      /! the release goes without a ranker: ctr-ranker does not beat logistic regression on the test rows: AUC/,
    );
  });

  it('takes what nobody was shown for unwanted where there are only likes', async () => {
    const config = configOf(
      { options: { ...options, epochs: 1 }, split: { kind: 'rows' }, negatives: 1 },
      { like: 1 },
    );
    await run(config);
    expect(lines.join('\n')).toMatch(/rank ctr-ranker AUC/);
    await expect(run(configOf({ options, negatives: 0 }, { like: 1 }))).rejects.toThrow(DataError);
  });

  it('is refused by name, and its options by theirs, before anything is read', async () => {
    await expect(run(configOf({ model: 'no-ranker' }))).rejects.toThrow(
      new ConfigError('ranker.model: expected ctr-ranker; found no-ranker'),
    );
    await expect(run(configOf({ options: { heds: 2 } }))).rejects.toThrow(/ranker\.options.*heds/);
    expect(() => configOf({ split: { kind: 'baskets' } } as never)).toThrow(ConfigError);
    expect(lines).toEqual([]);
  });
});
