import { existsSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import type { ConfigInput, RankerConfig } from '../../batch/config.ts';
import { loadDataset } from '../../batch/data/ingest.ts';
import { parseConfig } from '../../batch/load-config.ts';
import { rankers } from '../../batch/models/index.ts';
import { baselines } from '../../batch/ranking/baselines.ts';
import { evaluateRows } from '../../batch/ranking/evaluate.ts';
import type { RankingRows, RankingSplit, ScoreRows } from '../../batch/ranking/ranker.ts';
import { splitForRanking } from '../../batch/ranking/split.ts';
import frappe from '../../examples/frappe.config.ts';
import ml1m from '../../examples/ml-1m-ctr.config.ts';
import { quietRankerRun } from '../fixtures/ranking.ts';

/**
 * Rankers and their rivals on the published data, as docs/models/ctr-ranker.md quotes them: fitted on the training rows, stopped,
 * calibrated and chosen on the validation rows, measured once on the test rows. A seed decides the split and the fit.
 */
const data = path.resolve(import.meta.dirname, '../../../shared/data');
const seeds = [42, 1, 2];

const setups: readonly {
  readonly needs: string;
  readonly config: ConfigInput;
  readonly split?: RankerConfig['split'];
}[] = [
  { needs: 'ml-1m/ratings.dat', config: ml1m },
  { needs: 'ml-1m/ratings.dat', config: ml1m, split: { kind: 'time', testShare: 0.1, validationShare: 0.1 } },
  { needs: 'frappe/frappe.csv', config: frappe },
];

export async function bench(): Promise<void> {
  for (const { needs, config, split } of setups) {
    if (!existsSync(path.join(data, needs))) {
      console.log(`${config.name} skipped: ../shared/data/${needs} is not there`);
      continue;
    }
    for (const seed of seeds) {
      console.log(`\n${config.name}, seed ${seed}`);
      console.table(await measure(config, seed, split));
    }
  }
}

/** One table; `only` names what takes part. */
export async function measure(
  input: ConfigInput,
  seed: number,
  divided?: RankerConfig['split'],
  { only, options }: { readonly only?: readonly string[]; readonly options?: unknown } = {},
) {
  const config = parseConfig(input, 'bench');
  const rules = config.ranker!;
  const signal = new AbortController().signal;
  const { dataset } = await loadDataset(config.data, { baseDirectory: data, signal, progress() {} });
  const split = splitForRanking(dataset, { ...rules, split: divided ?? rules.split }, seed);
  const ranker = rankers.find(({ name }) => name === rules.model)!;
  const fitRanker = (on: RankingSplit) =>
    ranker.fit(on, v.parse(ranker.options, options ?? rules.options), quietRankerRun({ seed }));
  const table: Record<string, object> = { [split.protocol]: { 'test rows': split.test.items.length } };
  const add = async (
    name: string,
    learn: () => Promise<{ score: ScoreRows } & Partial<Disposable>>,
    on = split,
  ) => {
    if (only !== undefined && !only.includes(name)) return;
    const before = process.cpuUsage();
    const model = await learn();
    const { user, system } = process.cpuUsage(before);
    const { metrics } = await evaluateRows(name, model.score, on.test, { samples: 200, seed });
    const figures = Object.entries(metrics).map(([metric, { value, lower, upper }]) => [
      metric,
      `${value.toFixed(4)} (${lower.toFixed(4)}–${upper.toFixed(4)})`,
    ]);
    table[name] = { ...Object.fromEntries(figures), 'fit, CPU s': Math.round((user + system) / 1e6) };
    model[Symbol.dispose]?.();
  };
  for (const baseline of baselines)
    await add(baseline.name, async () => ({ score: baseline.fit(split, seed) }));
  const blind = withoutHistory(split);
  await add(`${ranker.name} without history`, () => fitRanker(blind), blind);
  await add(ranker.name, () => fitRanker(split));
  return table;
}

/** The same rows, asked of people of whom nothing is known. */
function withoutHistory(split: RankingSplit): RankingSplit {
  const forget = <T extends RankingRows>(rows: T): T => ({
    ...rows,
    histories: rows.histories.map(({ items, times, weights }) => ({
      items: items.subarray(0, 0),
      times: times.subarray(0, 0),
      weights: weights.subarray(0, 0),
    })),
  });
  const { train, validation, test } = split;
  const drawn = new Uint8Array(train.items.length).fill(1);
  return { ...split, train: { ...train, drawn }, validation: forget(validation), test: forget(test) };
}
