import { createRequire } from 'node:module';
import type { Config } from './config.ts';
import type { PreparedData } from './data/prepare.ts';
import { exportRelease, type Release } from './export/export-release.ts';
import type { RankerRelease } from './export/ranker.ts';
import type { Finalist } from './fit.ts';
import { popularityScores } from './models/popularity.ts';
import type { Context } from './pipeline.ts';
import { publish } from './release/publish.ts';
import type { Serving } from './serving.ts';

export interface Chosen {
  readonly config: Config;
  readonly data: PreparedData;
  readonly winner: Finalist;
  readonly finalists: readonly Finalist[];
  /** What orders the items that the winner retrieves; left out, the winner's own scores do. */
  readonly ranker?: RankerRelease | undefined;
}

/** Version of this program, as its package says. */
export const { version: codeVersion } = createRequire(import.meta.url)('../package.json') as {
  version: string;
};

/** Makes the release of the winner: quantised, with its golden requests and the figures of every finalist. */
export async function makeRelease(
  { config, data, winner, finalists, ranker }: Chosen,
  { cache, reporter, backend }: Context,
): Promise<Release> {
  const models = finalists.map(({ name, test }) => ({ name, metrics: test.metrics }));
  const inputs = {
    ...data.splitInputs,
    config,
    winner: winner.name,
    options: winner.options,
    models,
    ...(ranker && { ranker: { model: ranker.model, evaluation: ranker.evaluation } }),
    backend,
  };
  return reporter.stage('export', async (stage) => {
    const { value, reused } = await cache.get('export', inputs, async () => {
      const { trainAndValidation, test } = await data.split();
      const popularity = finalists.find(({ name }) => name === 'popularity')!;
      return exportRelease({
        name: config.name,
        model: { name: winner.name, options: winner.options },
        artifact: winner.artifact,
        ranker,
        dataset: trainAndValidation,
        fingerprint: data.fingerprint,
        popularityShares: data.popularity,
        popularity: popularityScores(
          trainAndValidation,
          popularity.options as Parameters<typeof popularityScores>[1],
        ),
        histories: test.queries.map(({ history }) => history),
        evaluation: {
          protocol: winner.test.protocol,
          primary: winner.test.primary,
          queries: winner.test.queries,
          models,
        },
        eventKinds: config.data.eventKinds,
        defaultEventKind: config.data.defaultEventKind ?? Object.keys(config.data.eventKinds)[0]!,
        explain: config.explain,
        seed: config.seed,
        config,
        codeVersion,
      });
    });
    const { quantisationRecall: recall, ranker: ranked } = value.manifest;
    const kept = recall === undefined ? '' : `, int8 keeps ${recall.toFixed(4)} of float32's top 100`;
    const moved = ranked && `, and moves no probability by more than ${ranked.quantisationDifference}`;
    const name = ranked === undefined ? winner.name : `${winner.name} and ${ranked.model.name}`;
    stage.note(`${name} as release ${value.releaseId}${kept}${moved ?? ''}${reused ? ', reused' : ''}`);
    return value;
  });
}

/** Writes the release and points the channel to it, unless somebody moved the channel since the run began. */
export async function publishRelease(
  config: Config,
  release: Release,
  serving: Serving | undefined,
  { store, reporter, signal }: Context,
): Promise<void> {
  const { manifest } = release;
  await reporter.stage('publish', async (stage) => {
    const { replaced } = await publish(store, {
      files: release.files,
      manifest,
      channel: config.channel,
      basis: serving?.channel ?? 'absent',
      signal,
    });
    const before = replaced === undefined ? '' : `, after ${replaced}`;
    stage.note(`${config.channel} → ${release.releaseId} in ${store.description}${before}`);
  });
}
