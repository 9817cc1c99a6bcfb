import * as v from 'valibot';
import { canonicalJson } from '../shared/canonical-json.ts';
import { ConfigError, ReleaseError } from '../shared/errors.ts';
import type { History } from '../shared/history.ts';
import type { Config } from './config.ts';
import { PopularitySummary } from './data/drift.ts';
import type { PreparedData } from './data/prepare.ts';
import { evaluate } from './evaluate/evaluate.ts';
import type { Evaluation } from './evaluate/evaluation.ts';
import { openArtifact } from './export/artifact-scorer.ts';
import type { Release } from './export/export-release.ts';
import { type ReleasedModel, releasedModel } from './export/released-artifact.ts';
import type { Context } from './pipeline.ts';
import type { Model } from './recommender.ts';
import { type ChannelVersion, readChannel, servingRelease } from './release/channel.ts';
import { parse, readManifest } from './release/manifest.ts';
import { readReleaseFile } from './release/verify.ts';

/** What is read of the config in a manifest. */
const MadeUnder = v.object({ split: v.optional(v.unknown()) });

/** The release that a run sets out to replace. */
export interface Serving {
  /** The pointer as it was when the run began. */
  readonly channel: ChannelVersion;
  readonly releaseId: string;
  /** Absent when it cannot be read: then nothing can be compared with it. */
  readonly model?: ReleasedModel;
  /** The split that it was measured under. */
  readonly split?: unknown;
  /** How its events were spread over its items. */
  readonly popularity?: PopularitySummary;
}

/**
 * Reads the channel's release, or undefined where there is none.
 * @throws ConfigError when the channel serves something else than this config recommends from
 */
export async function readServing(
  config: Config,
  { store, reporter }: Context,
): Promise<Serving | undefined> {
  const channel = await readChannel(store, config.channel);
  if (channel === undefined) return undefined;
  const releaseId = servingRelease(channel.channel);
  try {
    const manifest = await readManifest(store, releaseId);
    if (manifest === undefined) throw new ReleaseError(`release ${releaseId} has no manifest`);
    if (manifest.name !== config.name) {
      throw new ConfigError(
        `Channel '${config.channel}' of ${store.description} serves '${manifest.name}', and this config is '${config.name}'. Give it a 'channel' or a 'store' of its own.`,
      );
    }
    const files = new Map<string, Uint8Array>();
    for (const file of Object.keys(manifest.files)) {
      files.set(file, await readReleaseFile(store, releaseId, manifest, file));
    }
    const shares = files.get(manifest.data.popularity ?? '');
    return {
      channel,
      releaseId,
      model: releasedModel(manifest, files),
      split: v.parse(MadeUnder, manifest.config).split,
      ...(shares && { popularity: parse(PopularitySummary, shares, `release ${releaseId}: popularity`) }),
    };
  } catch (error) {
    if (!(error instanceof ReleaseError)) throw error;
    reporter.line(`! the serving release cannot be read, so nothing is compared with it: ${error.message}`);
    return { channel, releaseId };
  }
}

/** The serving release on this run's test split: as it is served, quantised, with its own catalogue. */
export interface TestedServing {
  readonly releaseId: string;
  readonly test: Evaluation;
}

/** Measures the serving release; undefined when there is no other than the new one, or none that can answer. */
export async function testServing(
  serving: Serving | undefined,
  next: Release,
  { config, data }: { readonly config: Config; readonly data: PreparedData },
  { cache, reporter, signal }: Context,
): Promise<TestedServing | undefined> {
  if (serving?.model === undefined || serving.releaseId === next.releaseId) return undefined;
  const { releaseId, model } = serving;
  // Under another split it has been fitted on some of these answers.
  if (canonicalJson(serving.split) !== canonicalJson(config.split)) {
    reporter.line(`! release ${releaseId} was made under another split, so nothing is compared with it`);
    return undefined;
  }
  const inputs = { ...data.splitInputs, evaluation: config.evaluation, seed: config.seed, releaseId };
  const test = reporter.stage('test serving', async (stage) => {
    const { value, reused } = await cache.get('test-serving', inputs, () =>
      evaluateServing(model, data, config, signal),
    );
    const figure = value.metrics[value.primary]!.value.toFixed(4);
    stage.note(`${releaseId}: ${value.primary} ${figure}${reused ? ', reused' : ''}`);
    return { releaseId, test: value };
  });
  try {
    return await test;
  } catch (error) {
    if (!(error instanceof ReleaseError)) throw error;
    reporter.line(`! release ${releaseId} cannot answer, so nothing is compared with it: ${error.message}`);
    return undefined;
  }
}

async function evaluateServing(
  model: ReleasedModel,
  data: PreparedData,
  { evaluation, seed }: Config,
  signal: AbortSignal,
): Promise<Evaluation> {
  const { test, trainAndValidation: train } = await data.split();
  await using scorer = await openArtifact(model.artifact, model.popularity);
  const score = scoreInNumbering(model, train.itemIds, scorer.score);
  return await evaluate(score, test, evaluation, { train, seed, signal });
}

/** Scores in the numbering of `itemIds`: events of items that the release does not know are skipped, such items never rank. */
function scoreInNumbering(
  { itemIds: released, popularity }: ReleasedModel,
  itemIds: readonly string[],
  scoreOne: (history: History) => Promise<Float32Array>,
): Model['score'] {
  const index = new Map(released.map((itemId, row) => [itemId, row]));
  const rows = Int32Array.from(itemIds, (itemId, item) => (item === 0 ? 0 : (index.get(itemId) ?? 0)));
  return async (queries) => {
    const results: Float32Array[] = [];
    for (const { history } of queries) {
      const known = translate(history, rows);
      const scores = known.items.length === 0 ? popularity : await scoreOne(known);
      results.push(Float32Array.from(rows, (row) => (row === 0 ? Number.NEGATIVE_INFINITY : scores[row]!)));
    }
    return results;
  };
}

function translate(history: History, rows: Int32Array): History {
  const items = history.items.map((item) => rows[item]!);
  const known = [...items.keys()].filter((event) => items[event] !== 0);
  return {
    items: Int32Array.from(known, (event) => items[event]!),
    times: Float64Array.from(known, (event) => history.times[event]!),
    weights: Float32Array.from(known, (event) => history.weights[event]!),
  };
}
