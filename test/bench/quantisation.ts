import path from 'node:path';
import * as v from 'valibot';
import { loadDataset } from '../../batch/data/ingest.ts';
import { splitDataset } from '../../batch/data/split.ts';
import { openArtifact } from '../../batch/export/artifact-scorer.ts';
import { publishable } from '../../batch/export/publishable.ts';
import { recallOf } from '../../batch/export/recall.ts';
import { parseConfig } from '../../batch/load-config.ts';
import { twoTower } from '../../batch/models/two-tower.ts';
import type { Artifact } from '../../batch/recommender.ts';
import perigeeConfig from '../../perigee.config.ts';
import type { History } from '../../shared/history.ts';
import { quietRun } from '../fixtures/dataset.ts';
import { fixtureRelease } from '../fixtures/release.ts';

/** What int8 tables keep of float32's top 100, through the whole path: gather, encode, scan. */
async function measure(
  name: string,
  artifact: Extract<Artifact, { kind: 'embedding' }>,
  histories: readonly History[],
) {
  const { rows, dimensions } = artifact.items;
  const popularity = new Float32Array(rows);
  await using float = await openArtifact(artifact, popularity);
  await using quantised = await openArtifact(publishable(artifact).artifact, popularity);
  const recall = await recallOf(quantised, float, histories);
  return {
    name,
    items: rows - 1,
    dimensions,
    histories: histories.length,
    'recall@100': Number(recall.toFixed(4)),
  };
}

/** The model that `npm start` fits, on what it fits it on, and real customers' histories. */
async function onlineRetail() {
  const config = parseConfig(perigeeConfig, 'perigee.config.ts');
  const baseDirectory = path.resolve(import.meta.dirname, '../..');
  const { signal } = quietRun();
  const { dataset } = await loadDataset(config.data, { baseDirectory, signal, progress: () => {} });
  const { trainAndValidation, test } = splitDataset(dataset, config.split, config.seed);
  using model = await twoTower.fit(
    trainAndValidation,
    v.parse(twoTower.options, {}),
    quietRun({ seed: config.seed }),
  );
  const artifact = (await model.export()) as Extract<Artifact, { kind: 'embedding' }>;
  return measure(
    'two-tower, Online Retail',
    artifact,
    test.queries.slice(0, 1_000).map(({ history }) => history),
  );
}

async function randomTables() {
  const { artifact, histories } = await fixtureRelease({ items: 100_000, dimensions: 64 });
  return measure('random tables', artifact as Extract<Artifact, { kind: 'embedding' }>, histories);
}

export const bench = async (): Promise<void> => {
  console.table([await onlineRetail(), await randomTables()]);
};

if (import.meta.main) await bench();
