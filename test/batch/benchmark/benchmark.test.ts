import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../../batch/backend/index.ts';
import { benchmarkCommand, configOf, runBenchmark } from '../../../batch/benchmark/command.ts';
import { measure } from '../../../batch/benchmark/measure.ts';
import { renderBenchmark } from '../../../batch/benchmark/page.ts';
import type { Protocol } from '../../../batch/benchmark/protocol.ts';
import { protocols } from '../../../batch/benchmark/protocols.ts';
import type { BenchmarkResult } from '../../../batch/benchmark/result.ts';
import { byChance } from '../../../batch/benchmark/rivals.ts';
import { openCache } from '../../../batch/cache.ts';
import { prepareData } from '../../../batch/data/prepare.ts';
import { metricNames } from '../../../batch/evaluate/metrics.ts';
import { recommenders } from '../../../batch/models/index.ts';
import { baselines } from '../../../batch/ranking/baselines.ts';
import { rankingMetrics } from '../../../batch/ranking/evaluate.ts';
import { openStore } from '../../../batch/store/index.ts';
import { ConfigError } from '../../../shared/errors.ts';
import { opinions } from '../../fixtures/ranking.ts';

/** A slice of the embedded shop: a hundred customers, as a protocol of its own. */
const root = path.resolve(import.meta.dirname, '../../..');
const folder = mkdtempSync(path.join(tmpdir(), 'perigee-benchmark-'));
const slice: Protocol = {
  name: 'slice',
  config: path.join(folder, 'slice.config.ts'),
  embedded: true,
  changes: { models: { 'two-tower': { epochs: 1, dimensions: 8, validationsPerEpoch: 1 } } },
  goals: [
    { model: 'two-tower', metric: 'ndcg@20', sign: '≥', bound: 0.9, times: 'popularity' },
    { model: 'two-tower', metric: 'recall@20', sign: '≥', bound: 2 },
  ],
  rivals: [byChance],
  published: [{ model: 'A & B <i>', metric: 'ndcg@20', value: 0.1, paper: 'Nobody 2020' }],
};

const lines: string[] = [];
let controller = new AbortController();
const surroundings = (overrides: { stopAt?: string } = {}) => ({
  dataDirectory: folder,
  workingDirectory: path.join(folder, '.perigee'),
  openBackend: async () => (await openBackend('wasm')).name,
  openBucket: (address: string) => openStore(address, { baseDirectory: folder, environment: {} }),
  signal: controller.signal,
  reporter: {
    line: (text: string) => void lines.push(text),
    stage: async <T>(
      name: string,
      work: (stage: { progress(): void; note(text: string): void }) => Promise<T>,
    ) => {
      if (name === overrides.stopAt) controller.abort(new Error('stopped by the test'));
      controller.signal.throwIfAborted();
      return work({ progress: () => undefined, note: (text) => void lines.push(`${name} ${text}`) });
    },
  },
});

beforeAll(() => {
  const shipped = readFileSync(path.join(root, 'perigee.config.ts'), 'utf8');
  writeFileSync(
    slice.config,
    shipped
      .replace("'./batch/config.ts'", JSON.stringify(path.join(root, 'batch/config.ts')))
      .replace('CustomerID IS NOT NULL', 'CustomerID < 12500')
      .replace(
        'eventKinds: { purchase: 1 },',
        'eventKinds: { purchase: 1 },\n    minimumItemEvents: 5,\n    quality: { dropped: 1 },',
      )
      .replace("primary: 'ndcg@20'", "primary: 'ndcg@20', bootstrapSamples: 100"),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const timeless = ({ finishedAt: _, ...result }: BenchmarkResult): unknown => result;

describe('a benchmark', () => {
  let result: BenchmarkResult;

  it('goes on after it was stopped, and measures every seed beside the baselines', async () => {
    await expect(runBenchmark(slice, 2, surroundings({ stopAt: 'test ease' }))).rejects.toThrow(
      'stopped by the test',
    );
    controller = new AbortController();
    lines.splice(0);
    result = await runBenchmark(slice, 2, surroundings());
    expect(
      lines
        .filter((line) => line.startsWith('fit '))
        .slice(0, 4)
        .every((line) => line.endsWith('reused')),
    ).toBe(true);
    expect(result).toMatchObject({
      name: 'slice',
      seeds: [42, 43],
      splitSeed: 42,
      primary: 'ndcg@20',
      backend: 'wasm',
    });
    const names = result.models.map(({ name }) => name);
    expect(names).toEqual(['popularity', 'item-knn', 'ease', 'two-tower', 'random']);
    for (const { name, baseline, figures, lead } of result.models) {
      const { seeds, overSeeds, overQueries } = figures['ndcg@20']!;
      expect(seeds).toHaveLength(baseline ? 1 : 2);
      expect(overSeeds.value).toBeCloseTo(seeds.reduce((a, b) => a + b) / seeds.length, 9);
      expect(overQueries.lower).toBeLessThan(overQueries.upper);
      expect(overQueries.value).toBe(seeds[0]);
      expect(lead === undefined).toBe(name === 'two-tower');
    }
    const [own, rival] = [result.models[3]!, result.models[0]!];
    const difference = own.figures['ndcg@20']!.overSeeds.value - rival.figures['ndcg@20']!.overSeeds.value;
    expect(rival.lead!.value).toBeCloseTo(difference, 6);
    expect(new Set(own.figures['ndcg@20']!.seeds).size).toBe(2);
    expect(result.goals[1]).toMatchObject({ reached: false, wanted: 2 });
  });

  it('measures the same again, from what was kept', async () => {
    lines.splice(0);
    expect(timeless(await runBenchmark(slice, 2, surroundings()))).toEqual(timeless(result));
    expect(lines.filter((line) => /^(fit|test) /.test(line)).every((line) => line.endsWith('reused'))).toBe(
      true,
    );
  });

  it('can be read back from its JSON, and stands in its page', () => {
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    const page = renderBenchmark(result);
    for (const { name, figures } of result.models) {
      expect(page).toContain(`<th scope="row">${name}`);
      expect(page).toContain(figures['ndcg@20']!.overSeeds.value.toFixed(4));
    }
    expect(page).toContain('A &amp; B &lt;i&gt;');
    expect(page).toContain('missed by');
  });

  it('asks the same of every seed, where the split is drawn by chance', async () => {
    const config = {
      ...(await configOf({
        ...slice,
        changes: { split: { kind: 'held-out-users', testShare: 0.3, validationShare: 0.3 }, models: {} },
      })),
    };
    const context = {
      ...surroundings(),
      baseDirectory: root,
      backend: 'wasm' as const,
      cache: await openCache(path.join(folder, 'other')),
    };
    const popularityWith = async (splitSeed: number, seed: number): Promise<number> => {
      const data = await prepareData({ ...config, seed: splitSeed }, undefined, context);
      const { models } = await measure(config, data, { seeds: [seed], against: undefined }, context);
      return models[0]!.figures['ndcg@20']!.overSeeds.value;
    };
    const asked = await popularityWith(42, 1);
    expect(await popularityWith(42, 2)).toBe(asked);
    expect(await popularityWith(43, 1)).not.toBe(asked);
  });

  it('measures a ranker likewise, beside the simple ways to a probability', async () => {
    const rows = opinions((user, item) => (user + item) % 2 === 0);
    const lines = rows.userIds.flatMap((user, at) =>
      Array.from(rows.items.subarray(rows.offsets[at], rows.offsets[at + 1]), (item, event) => {
        const kind = rows.weights[rows.offsets[at]! + event]! > 0 ? 'like' : 'dislike';
        return `${user},i${item},${1_600_000_000 + event},${kind}`;
      }),
    );
    writeFileSync(path.join(folder, 'opinions.csv'), `user,item,time,kind\n${lines.join('\n')}\n`);
    const config = path.join(folder, 'opinions.config.ts');
    writeFileSync(
      config,
      `export default {
        name: 'Opinions',
        data: {
          events: { path: 'opinions.csv', columns: { userId: 'user', itemId: 'item', time: 'time', kind: 'kind' } },
          eventKinds: { like: 1, dislike: 0 },
        },
        evaluation: { bootstrapSamples: 50 },
        models: {},
        ranker: { split: { kind: 'rows' }, options: { epochs: 2, hidden: [8] } },
      };`,
    );
    const goals = [
      { model: 'ctr-ranker', metric: 'auc', sign: '≥', bound: 1, times: 'constant rate' },
      { model: 'ctr-ranker', metric: 'ece', sign: '≤', bound: 0 },
    ] as const;
    const protocol: Protocol = { name: 'opinions', config, measures: 'ranker', goals };
    const { models, primary, ...measured } = await runBenchmark(protocol, 2, surroundings());
    expect(primary).toBe('auc');
    const [own, ...simple] = models;
    expect(own).toMatchObject({ name: 'ctr-ranker', baseline: false });
    expect(own!.figures['auc']!.seeds).toHaveLength(2);
    expect(new Set(own!.figures['auc']!.seeds).size).toBe(2);
    expect(simple.map(({ name }) => name)).toEqual(baselines.map(({ name }) => name));
    for (const { figures } of simple) expect(figures['auc']!.seeds).toHaveLength(1);
    expect(measured.goals.map(({ wanted }) => wanted)).toEqual([0.5, 0]);
    expect(measured.goals[1]!.reached).toBe(false);
    expect(renderBenchmark({ ...measured, models, primary })).toContain('AUC');
  });
});

describe('the protocols', () => {
  it.each(protocols.map((protocol) => [protocol.name, protocol] as const))(
    '%s has a config that measures its goals',
    async (_, protocol) => {
      const config = await configOf(protocol);
      const { at, primary } = config.evaluation;
      const ranks = protocol.measures === 'ranker';
      const models = recommenders.filter(({ name, baseline }) => baseline || name in config.models);
      const taking = ranks
        ? [config.ranker!.model, ...baselines.map(({ name }) => name)]
        : [...models, ...(protocol.rivals ?? [])].map(({ name }) => name);
      const accuracy = at.flatMap((k) => metricNames.map((metric) => `${metric}@${k}`));
      const measured: readonly string[] = ranks ? rankingMetrics : [primary, ...accuracy];
      expect(protocol.goals.length).toBeGreaterThan(0);
      for (const { model, metric, times } of protocol.goals) {
        expect(taking).toContain(model);
        if (times !== undefined) expect(taking).toContain(times);
        expect(measured).toContain(metric);
      }
      for (const { metric } of protocol.published ?? []) expect(measured).toContain(metric);
    },
  );

  it('are listed with what each needs; others, and seeds that cannot be, are refused', async () => {
    lines.splice(0);
    await benchmarkCommand(undefined, { seeds: '3' }, surroundings());
    const text = lines.join('\n');
    for (const { name } of protocols) expect(text).toContain(name);
    expect(text).toContain('ml-1m/ratings.dat, ml-1m/movies.dat');
    await expect(benchmarkCommand('nothing', { seeds: '3' }, surroundings())).rejects.toThrow(
      /expected one of online-retail-new.*found 'nothing'/,
    );
    await expect(benchmarkCommand('online-retail-new', { seeds: '0' }, surroundings())).rejects.toThrow(
      ConfigError,
    );
  });
});
