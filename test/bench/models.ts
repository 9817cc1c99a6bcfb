import { existsSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import type { ConfigInput } from '../../batch/config.ts';
import { loadDataset } from '../../batch/data/ingest.ts';
import { splitDataset } from '../../batch/data/split.ts';
import { evaluate, primaryMetric } from '../../batch/evaluate/evaluate.ts';
import { parseConfig } from '../../batch/load-config.ts';
import { recommenders } from '../../batch/models/index.ts';
import type { Recommender } from '../../batch/recommender.ts';
import perigeeConfig from '../../perigee.config.ts';
import { quietRun } from '../fixtures/dataset.ts';
import { ml1m } from '../fixtures/ml-1m.ts';

/**
 * Every model, or those named on the command line, as a run fits them: options chosen on validation, fitted again on all but the test, measured on the
 * test. Prints the figures that docs/models.md quotes. Below EASE, the same fit without its cut to neighbours.
 */
const root = path.resolve(import.meta.dirname, '../..');

const setups: readonly ConfigInput[] = [
  perigeeConfig,
  {
    ...perigeeConfig,
    name: 'Online Retail, any item',
    split: { kind: 'last-basket', targets: 'any', minimumHistory: 5 },
  },
  ml1m,
];

export async function bench(only: readonly string[] = []): Promise<void> {
  for (const setup of setups) {
    if (setup === ml1m && !existsSync(path.join(root, '../shared/data/ml-1m'))) {
      console.log('ML-1M skipped: ../shared/data/ml-1m is not there');
      continue;
    }
    console.log(`\n${setup.name}`);
    console.table(await measure(setup, only));
  }
}

async function measure(setup: ConfigInput, only: readonly string[]) {
  const config = parseConfig(setup, 'bench');
  const signal = new AbortController().signal;
  const { dataset } = await loadDataset(config.data, { baseDirectory: root, signal, progress() {} });
  const { train, validation, trainAndValidation, test } = splitDataset(dataset, config.split, config.seed);
  const k = config.evaluation.primary.split('@')[1];

  const fitOn = (recommender: Recommender, options: unknown, validated: boolean) => {
    const validate = (score: Parameters<typeof primaryMetric>[0]) =>
      primaryMetric(score, validation, config.evaluation);
    return timed(() =>
      recommender.fit(
        validated ? train : trainAndValidation,
        v.parse(recommender.options, options),
        quietRun({
          seed: config.seed,
          targets: test.excludeHistory ? 'new' : 'any',
          ...(validated ? { validate } : {}),
        }),
      ),
    );
  };
  const rowOf = async (recommender: Recommender, options: unknown, chosen?: number) => {
    const { result, seconds } = await fitOn(recommender, options, false);
    using model = result;
    const { metrics } = await evaluate(model.score, test, config.evaluation, {
      train: trainAndValidation,
      seed: config.seed,
      signal,
    });
    const figure = (metric: string): string => metrics[`${metric}@${k}`]!.value.toFixed(4);
    return {
      model: recommender.name,
      [`recall@${k}`]: figure('recall'),
      [`ndcg@${k}`]: figure('ndcg'),
      [`coverage@${k}`]: figure('coverage'),
      'choosing, CPU s': chosen?.toFixed(1) ?? '',
      'fit, CPU s': seconds.toFixed(1),
      options: JSON.stringify(options),
    };
  };

  const rows = [];
  for (const recommender of recommenders) {
    if (only.length > 0 && !only.includes(recommender.name)) continue;
    const { result, seconds } = await fitOn(recommender, {}, true);
    const { fittedOptions } = result;
    result[Symbol.dispose]();
    rows.push(await rowOf(recommender, fittedOptions, seconds));
    if (recommender.name === 'ease') {
      rows.push(
        await rowOf(recommender, { ...(fittedOptions as object), neighbours: dataset.itemIds.length }),
      );
    }
  }
  return rows;
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly seconds: number }> {
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return { result, seconds: (user + system) / 1e6 };
}

if (import.meta.main) await bench(process.argv.slice(2));
