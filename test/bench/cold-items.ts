import { existsSync } from 'node:fs';
import * as v from 'valibot';
import type { ConfigInput } from '../../batch/config.ts';
import type { Dataset } from '../../batch/data/dataset.ts';
import { loadDataset } from '../../batch/data/ingest.ts';
import { splitDataset } from '../../batch/data/split.ts';
import { primaryMetric } from '../../batch/evaluate/evaluate.ts';
import type { EvaluationSet } from '../../batch/evaluate/protocol.ts';
import { parseConfig } from '../../batch/load-config.ts';
import { popularityScores } from '../../batch/models/popularity.ts';
import { twoTower } from '../../batch/models/two-tower.ts';
import type { Model } from '../../batch/recommender.ts';
import { seededRandom } from '../../batch/training/random.ts';
import beauty from '../../examples/beauty-cold.config.ts';
import ml1m from '../../examples/ml-1m-cold.config.ts';
import { quietRun } from '../fixtures/dataset.ts';
import { publicData } from '../fixtures/sources.ts';

/**
 * Items withheld from training, recommended by their attributes: the figures of docs/models/two-tower.md. A seed draws the
 * items and trains; the epochs are chosen on the validation items of the first. `npm run bench -- cold-items`.
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
  let options: unknown;
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
    if (options === undefined) {
      using chosen = await fitOn(train, { epochs: 1 }, on(validation));
      options = chosen.fittedOptions;
      console.log(JSON.stringify(options));
    }
    using model = await fitOn(trainAndValidation, options);
    const random = seededRandom(seed);
    rows.push({
      seed,
      random: await on(test)(everybody(Float32Array.from(dataset.itemIds, random))),
      'popularity of category': await on(test)(everybody(categoryPopularity(trainAndValidation))),
      'two-tower': await on(test)(model.score),
    });
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

/** [items] mean popularity of the other items with an item's categories (or words, where there are none), averaged over these. */
function categoryPopularity(train: Dataset): Float32Array {
  const popularity = popularityScores(train, {});
  const namesOf = (item: number) => train.attributes[item]?.categories ?? train.features?.[item] ?? [];
  const totals = new Map<string, { users: number; items: number }>();
  for (const [item, users] of popularity.entries()) {
    if (users === 0) continue;
    for (const name of namesOf(item)) {
      const total = totals.get(name) ?? { users: 0, items: 0 };
      totals.set(name, { users: total.users + users, items: total.items + 1 });
    }
  }
  return popularity.map((_, item) => {
    const means = namesOf(item).flatMap((name) => {
      const total = totals.get(name);
      return total === undefined ? [] : [total.users / total.items];
    });
    return means.length === 0 ? 0 : means.reduce((sum, value) => sum + value, 0) / means.length;
  });
}

if (import.meta.main) await bench(process.argv.slice(2));
