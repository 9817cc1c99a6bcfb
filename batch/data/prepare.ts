import { stat } from 'node:fs/promises';
import type { Config } from '../config.ts';
import type { Split } from '../evaluate/protocol.ts';
import type { Context } from '../pipeline.ts';
import type { Stage } from '../progress.ts';
import type { Serving } from '../serving.ts';
import type { ListedObject } from '../store/index.ts';
import { type Dataset, positiveEvents } from './dataset.ts';
import { driftCheck, type PopularitySummary, popularityOf } from './drift.ts';
import { matchingObjects } from './fetch-objects.ts';
import { loadDataset, loadTestEvents } from './ingest.ts';
import { assertQuality, type QualityReport, withCheck } from './quality.ts';
import { filesOf } from './source.ts';
import { splitDataset } from './split.ts';

/** What may be known of the data while a model, or its options, are chosen: nothing of the test split. */
export interface DevelopmentData {
  /** What a split, and so everything computed from one, depends on: for cache keys. */
  readonly splitInputs: object;
  /** Of the split, and of the resamples and examples of an evaluation. A model's own may be another. */
  readonly seed: number;
  development(): Promise<Pick<Split, 'train' | 'validation'>>;
}

/** What later stages know of the data without holding it, and how they get hold of it. */
export interface PreparedData extends DevelopmentData {
  /** sha256 of the dataset's content. */
  readonly fingerprint: string;
  readonly quality: QualityReport;
  /** What the next run's data will be compared with. */
  readonly popularity: PopularitySummary;
  /** Read, or read back, at the first call. With events of weight 0. */
  dataset(): Promise<Dataset>;
  /** Of the events that weigh something. */
  split(): Promise<Split>;
}

/** What surrounds the reading of data. */
export type DataContext = Pick<Context, 'baseDirectory' | 'cache' | 'openBucket' | 'reporter' | 'signal'>;

interface Facts {
  readonly fingerprint: string;
  readonly quality: QualityReport;
  readonly popularity: PopularitySummary;
}

/**
 * Reads and cleans the sources, unless they are those of an earlier run; the split is made when it is needed.
 * @throws DataError for sources that cannot be read, or that have drifted too far from what the serving release knows
 */
export async function prepareData(
  config: Config,
  serving: Serving | undefined,
  context: DataContext,
): Promise<PreparedData> {
  const inputs = {
    data: config.data,
    sources: await versionsOf([config.data.events, config.data.items ?? []].flat(), context),
  };
  const testSources = config.split.kind === 'files' ? [config.split.test] : [];
  const splitInputs = {
    split: config.split,
    splitSeed: config.seed,
    testSources: await versionsOf(testSources, context),
  };
  return context.reporter.stage('data', async (stage) => {
    const load = once(() => loadDataset(config.data, ingestContext(context, stage)));
    const facts = await context.cache.get('data', inputs, async (): Promise<Facts> => {
      const { fingerprint, quality, dataset } = await load();
      return { fingerprint, quality, popularity: popularityOf(positiveEvents(dataset)) };
    });
    const { fingerprint, popularity } = facts.value;
    const quality = withDrift(facts.value, serving, config);
    const dataset = once(
      async () => (await context.cache.get('dataset', inputs, async () => (await load()).dataset)).value,
    );
    if (!facts.reused) await dataset();
    const warnings = quality.checks.filter(({ severity }) => severity === 'warning').length;
    const warned =
      warnings === 0 ? '' : `; ${warnings} ${warnings === 1 ? 'warning' : 'warnings'} in the report`;
    stage.note(`${quality.summary}${warned}${facts.reused ? ', reused' : ''}`);
    const split = once(async () =>
      splitDataset(
        positiveEvents(await dataset()),
        config.split,
        config.seed,
        await testEvents(config, await dataset(), context, stage),
      ),
    );
    return {
      fingerprint,
      quality,
      popularity,
      splitInputs: { fingerprint, ...splitInputs },
      seed: config.seed,
      dataset,
      split,
      async development() {
        const { train, validation } = await split();
        return { train, validation };
      },
    };
  });
}

function withDrift(
  { quality, popularity }: Facts,
  serving: Serving | undefined,
  { data }: Config,
): QualityReport {
  if (serving?.popularity === undefined) return quality;
  const report = withCheck(quality, driftCheck(popularity, serving.popularity, data.quality.drift));
  assertQuality(report);
  return report;
}

/** The given test events of a `files` split; other splits take theirs from the dataset. */
async function testEvents(
  { data, split }: Config,
  dataset: Dataset,
  context: DataContext,
  stage: Stage,
): Promise<Dataset | undefined> {
  return split.kind === 'files'
    ? positiveEvents(await loadTestEvents(split.test, data, dataset, ingestContext(context, stage)))
    : undefined;
}

const ingestContext = ({ baseDirectory, openBucket, signal }: DataContext, { progress }: Stage) => ({
  baseDirectory,
  openBucket,
  signal,
  progress,
});

/** Names, sizes and modification times of the source files; the listing of those in object storage. */
async function versionsOf(
  sources: readonly { readonly path: string }[],
  context: DataContext,
): Promise<unknown> {
  const versions: unknown[] = [];
  for (const { path } of sources) {
    if (path.startsWith('s3://'))
      versions.push((await matchingObjects(path, context)).objects.map(objectVersion));
    else
      for (const file of await filesOf({ path }, context.baseDirectory))
        versions.push(await fileVersion(file));
  }
  return versions;
}

const objectVersion = ({ key, etag, bytes }: ListedObject) => ({ key, etag, bytes });

async function fileVersion(file: string): Promise<unknown> {
  const { size, mtimeMs } = await stat(file);
  return { file, size, mtimeMs };
}

/** Calls `make` at the first call only. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
