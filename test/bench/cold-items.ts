import { existsSync } from 'node:fs';
import * as v from 'valibot';
import { byCategory, byChance } from '../../batch/benchmark/rivals.ts';
import type { ConfigInput } from '../../batch/config.ts';
import type { Dataset } from '../../batch/data/dataset.ts';
import { loadDataset } from '../../batch/data/ingest.ts';
import { splitDataset } from '../../batch/data/split.ts';
import { primaryMetric } from '../../batch/evaluate/evaluate.ts';
import type { EvaluationSet } from '../../batch/evaluate/protocol.ts';
import { parseConfig } from '../../batch/load-config.ts';
import { twoTower } from '../../batch/models/two-tower.ts';
import type { Model } from '../../batch/recommender.ts';
import beauty from '../../examples/beauty-cold.config.ts';
import ml1m from '../../examples/ml-1m-cold.config.ts';
import { quietRun } from '../fixtures/dataset.ts';
import { publicData } from '../fixtures/sources.ts';

/**
 * Items withheld from training, recommended by their attributes: the figures of docs/evaluation.md. A seed draws the items
 * and trains; epochs are chosen on the validation items. `npm run bench -- cold-items`.
 */
const seeds = [42, 43, 44];

export async function bench(only: readonly string[] = []): Promise<void> {
  for (const setup of [ml1m, beauty]) {
    if (!existsSync(publicData)) {
      console.log(`${setup.name} skipped: ../shared/data is not there`);
    } else if (only.length === 0 || only.some((name) => setup.name.includes(name))) {
      console.log(`\n${setup.name}, Recall@20`);
      console.table(await measure(setup));
    }
  }
}

interface Row {
  readonly seed: number | 'mean';
  readonly random: number;
  readonly 'popularity of category': number;
  readonly 'two-tower': number;
}

async function measure(setup: ConfigInput): Promise<Row[]> {
  const config = parseConfig(setup, 'bench');
  const signal = new AbortController().signal;
  const { dataset } = await loadDataset(config.data, { baseDirectory: publicData, signal, progress() {} });
  const rows: Row[] = [];
  for (const seed of seeds) {
    const { train, validation, trainAndValidation, test } = splitDataset(dataset, config.split, seed);
    const on = (set: EvaluationSet) => (score: Model['score']) =>
      primaryMetric(score, set, config.evaluation);
    const fitOn = (data: Dataset, options: unknown, validate?: (score: Model['score']) => Promise<number>) =>
      twoTower.fit(
        data,
        v.parse(twoTower.options, options),
        quietRun({ seed, ...(validate && { validate }) }),
      );
    using chosen = await fitOn(train, {}, on(validation));
    using model = await fitOn(trainAndValidation, chosen.fittedOptions);
    rows.push({
      seed,
      random: await on(test)(everybody(byChance.scores(train, seed))),
      'popularity of category': await on(test)(everybody(byCategory.scores(trainAndValidation, seed))),
      'two-tower': await on(test)(model.score),
    });
    console.log(`seed ${seed}: ${test.queries.length} queries, ${JSON.stringify(chosen.fittedOptions)}`);
  }
  const mean = (name: 'random' | 'popularity of category' | 'two-tower') =>
    rows.reduce((sum, row) => sum + row[name], 0) / rows.length;
  const means = {
    random: mean('random'),
    'popularity of category': mean('popularity of category'),
    'two-tower': mean('two-tower'),
  };
  return [...rows, { seed: 'mean', ...means }];
}

const everybody =
  (scores: Float32Array): Model['score'] =>
  async (queries) =>
    queries.map(() => scores);

if (import.meta.main) await bench(process.argv.slice(2));
