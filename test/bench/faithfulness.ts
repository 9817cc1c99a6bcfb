import { existsSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import type { ConfigInput } from '../../batch/config.ts';
import { loadDataset } from '../../batch/data/ingest.ts';
import { splitDataset } from '../../batch/data/split.ts';
import { type Explained, faithfulness } from '../../batch/evaluate/faithfulness.ts';
import { type ArtifactScorer, openArtifact } from '../../batch/export/artifact-scorer.ts';
import { publishable } from '../../batch/export/publishable.ts';
import { spread } from '../../batch/export/spread.ts';
import { parseConfig } from '../../batch/load-config.ts';
import { recommenders } from '../../batch/models/index.ts';
import type { Artifact } from '../../batch/recommender.ts';
import perigeeConfig from '../../perigee.config.ts';
import { type Carrier, carriers, type Evidence } from '../../shared/evidence.ts';
import { differentItems, latest } from '../../shared/history.ts';
import { topK } from '../../shared/ranking.ts';
import type { Estimate } from '../../shared/release.ts';
import { quietRun } from '../fixtures/dataset.ts';
import { ml1m } from '../fixtures/ml-1m.ts';

/**
 * Whether reasons name what the released model used: what a recommendation loses without the items that are named as its
 * reasons, beside the same without items drawn by chance, and without the newest. Prints the figures of docs/explain.md.
 */
const root = path.resolve(import.meta.dirname, '../..');
const histories = 200;
const recommended = 5;

const setups: readonly { readonly config: ConfigInput; readonly models: Readonly<Record<string, object>> }[] =
  [
    {
      config: perigeeConfig,
      models: { 'item-knn': {}, ease: {}, 'two-tower': {}, 'mult-vae': {}, 'conv-sequence': {} },
    },
    { config: ml1m, models: { 'conv-sequence': { epochs: 4 } } },
  ];

export async function bench(only: readonly string[] = []): Promise<void> {
  for (const { config, models } of setups) {
    if (config === ml1m && !existsSync(path.join(root, '../shared/data/ml-1m'))) {
      console.log('ML-1M skipped: ../shared/data/ml-1m is not there');
      continue;
    }
    const data = await dataOf(config);
    for (const [name, options] of Object.entries(models)) {
      if (only.length > 0 && !only.includes(name)) continue;
      console.log(`\n${config.name}, ${name}`);
      console.table(await measure(await fitted(name, options, data), data));
    }
  }
}

async function dataOf(input: ConfigInput) {
  const config = parseConfig(input, 'bench');
  const { signal } = quietRun();
  const { dataset } = await loadDataset(config.data, { baseDirectory: root, signal, progress() {} });
  const { trainAndValidation: train, test } = splitDataset(dataset, config.split, config.seed);
  return {
    train,
    seed: config.seed,
    excludeHistory: test.excludeHistory,
    histories: spread(
      test.queries.map(({ history }) => history),
      histories,
    ),
  };
}

type Data = Awaited<ReturnType<typeof dataOf>>;

async function fitted(
  name: string,
  options: object,
  { train, seed, excludeHistory }: Data,
): Promise<Artifact> {
  const recommender = recommenders.find((entry) => entry.name === name)!;
  const run = quietRun({ seed, targets: excludeHistory ? 'new' : 'any' });
  using model = await recommender.fit(train, v.parse(recommender.options, options), run);
  return await model.export();
}

async function measure(artifact: Artifact, data: Data) {
  const popularity = new Float32Array(data.train.itemIds.length);
  await using float = await openArtifact(artifact, popularity);
  await using released = await openArtifact(publishable(artifact).artifact, popularity);
  const rows: Record<string, unknown>[] = [];
  for (const [reasons, explained] of [
    ['as answered', released],
    ['the newest items', { score: released.score, explain: newestItems }],
  ] as const) {
    for (const removed of [1, 2, 3]) {
      const found = await faithfulness(explained, data.histories, {
        removed,
        places: recommended,
        excludeHistory: data.excludeHistory,
        seed: data.seed,
      });
      rows.push({
        reasons,
        removed,
        queries: found.queries,
        'fall, named': interval(found.named),
        'fall, by chance': interval(found.random),
        factor: interval(found.factor),
        'leave the first ten': `${percent(found.namedLeaves)} / ${percent(found.randomLeaves)}`,
      });
    }
  }
  console.log(await agreement(float, released, data));
  console.log(await cost(released, data));
  return rows;
}

/** A rival that looks at nothing: the newest item is the reason. */
const newestItems: Explained['explain'] = async (history, items): Promise<Evidence> => {
  const different = differentItems(history);
  const contributions = Float64Array.from(
    { length: items.length * different.length },
    (_, at) => different.length - (at % different.length),
  );
  return { method: 'exact', items: different, different: different.length, contributions };
};

/** How often the release names what the model in float32 names, for the same recommended items. */
async function agreement(float: ArtifactScorer, released: ArtifactScorer, data: Data): Promise<string> {
  let first = 0;
  let shared = 0;
  let named = 0;
  let count = 0;
  for (const history of data.histories) {
    const seen = new Set(data.excludeHistory ? history.items : []);
    const items = topK(await released.score(history), recommended, (item) => seen.has(item)).indices;
    const reasons = async ({ explain }: ArtifactScorer): Promise<Carrier[][]> => {
      const evidence = await explain(history, items);
      return Array.from(items, (_, place) => (evidence ? carriers(evidence, place) : []));
    };
    const [ours, theirs] = [await reasons(released), await reasons(float)];
    for (const [place, own] of ours.entries()) {
      const others = theirs[place]!;
      const other = new Set(others.map(({ item }) => item));
      first += Number(own[0]?.item === others[0]?.item);
      shared += own.filter(({ item }) => other.has(item)).length;
      named += Math.max(own.length, others.length);
      count++;
    }
  }
  return `int8 against float32, ${count} items: the first reason is the same in ${percent(first / count)}, of all reasons ${percent(shared / named)}`;
}

/** Processor time of reasons, for histories of 50 events or more, cut to the newest 50. */
async function cost({ explain }: ArtifactScorer, data: Data): Promise<string> {
  const long = data.histories.filter(({ items }) => items.length >= 50).map((history) => latest(history, 50));
  const items = Int32Array.from({ length: 20 }, (_, i) => i + 1);
  const run = async (): Promise<number> => {
    const before = process.cpuUsage();
    for (const history of long) await explain(history, items);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000 / long.length;
  };
  await run();
  return `reasons of 20 items from 50 events (${long.length} histories): ${(await run()).toFixed(2)} ms of processor`;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const interval = ({ value, lower, upper }: Estimate): string =>
  `${value.toFixed(3)} [${lower.toFixed(3)}, ${upper.toFixed(3)}]`;

if (import.meta.main) await bench(process.argv.slice(2));
