import { existsSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import type { Config } from '../../batch/config.ts';
import type { Dataset } from '../../batch/data/dataset.ts';
import { loadDataset } from '../../batch/data/ingest.ts';
import { splitDataset } from '../../batch/data/split.ts';
import { evaluate, primaryMetric } from '../../batch/evaluate/evaluate.ts';
import { parseConfig } from '../../batch/load-config.ts';
import { adamicAdar, commonNeighbours } from '../../batch/models/common-neighbours.ts';
import { friends } from '../../batch/models/friends.ts';
import type { Recommender } from '../../batch/recommender.ts';
import facebook from '../../examples/facebook-friends.config.ts';
import lastfm from '../../examples/lastfm-friends.config.ts';
import { quietRun } from '../fixtures/dataset.ts';

/**
 * Who to know: the models of friendships on the two published graphs, over three draws of the hidden friendships. Options of
 * `friends` are chosen on the validation of the first draw; each draw and the model in it have the same seed. Prints what
 * docs/models/friends.md quotes; `npm run bench -- friends`.
 */
const publicData = path.resolve(import.meta.dirname, '../../../shared/data');
const seeds = [42, 1, 2] as const;
const metrics = ['recall@20', 'ndcg@20', 'mrr@20'] as const;
const models = [commonNeighbours, adamicAdar, friends] as readonly Recommender[];
/** Of Student's t, two-sided 95 %, two degrees of freedom. */
const studentT = 4.303;

export async function bench(): Promise<void> {
  for (const [example, folder] of [
    [lastfm, 'lastfm-social'],
    [facebook, 'facebook'],
  ] as const) {
    if (!existsSync(path.join(publicData, folder))) {
      console.log(`${folder} skipped: ../shared/data/${folder} is not there`);
      continue;
    }
    const config = parseConfig(example, 'bench');
    console.log(`\n${config.name}`);
    console.table(await table(config));
  }
}

async function table(config: Config) {
  const { signal } = quietRun();
  const { dataset } = await loadDataset(config.data, { baseDirectory: publicData, signal, progress() {} });
  const figures = new Map(models.map(({ name }) => [name, metrics.map((): number[] => [])]));
  const options = new Map<string, unknown>();
  const seconds = new Map<string, number>();
  for (const recommender of models) options.set(recommender.name, await choose(recommender, dataset, config));
  for (const seed of seeds) {
    const { trainAndValidation: train, test } = splitDataset(dataset, config.split, seed);
    for (const recommender of models) {
      const { name } = recommender;
      const before = process.cpuUsage();
      using model = await recommender.fit(train, options.get(name), quietRun({ seed }));
      const { user, system } = process.cpuUsage(before);
      seconds.set(name, (user + system) / 1e6);
      const measured = await evaluate(model.score, test, config.evaluation, { train, seed, signal });
      for (const [m, metric] of metrics.entries())
        figures.get(name)![m]!.push(measured.metrics[metric]!.value);
    }
  }
  const baseline = figures.get(adamicAdar.name)!;
  return models.map(({ name }) => ({
    model: name,
    ...Object.fromEntries(metrics.map((metric, m) => [metric, inWords(figures.get(name)![m]!, 4)])),
    ...Object.fromEntries(
      metrics.slice(0, 2).map((metric, m) => [
        `${metric} / Adamic–Adar`,
        inWords(
          figures.get(name)![m]!.map((value, draw) => value / baseline[m]![draw]!),
          3,
        ),
      ]),
    ),
    'fit, CPU s': seconds.get(name)!.toFixed(1),
    options: JSON.stringify(options.get(name)),
  }));
}

/** The options that the first draw's validation chooses. */
async function choose(recommender: Recommender, dataset: Dataset, config: Config): Promise<unknown> {
  const { train, validation } = splitDataset(dataset, config.split, seeds[0]);
  const given = v.parse(recommender.options, config.models[recommender.name] ?? {});
  using model = await recommender.fit(
    train,
    given,
    quietRun({
      seed: seeds[0],
      validate: (score) => primaryMetric(score, validation, config.evaluation),
    }),
  );
  return model.fittedOptions;
}

/** Mean ± half the 95 % interval of it. */
function inWords(values: readonly number[], digits: number): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const half = studentT * Math.sqrt(variance / values.length);
  return `${mean.toFixed(digits)} ± ${half.toFixed(digits)}`;
}

if (import.meta.main) await bench();
