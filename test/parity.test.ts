import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadDataset } from '../batch/data/ingest.ts';
import { splitDataset } from '../batch/data/split.ts';
import { exportRelease, type Release } from '../batch/export/export-release.ts';
import { parseConfig } from '../batch/load-config.ts';
import { recommenders } from '../batch/models/index.ts';
import { popularityScores } from '../batch/models/popularity.ts';
import type { Model } from '../batch/recommender.ts';
import { serve } from '../batch/serve.ts';
import { openStore } from '../batch/store/index.ts';
import perigeeConfig from '../perigee.config.ts';
import { limits, RecommendationResponse } from '../shared/api.ts';
import { type History, latest } from '../shared/history.ts';
import { topK } from '../shared/ranking.ts';
import { quietRun } from './fixtures/dataset.ts';
import { fixtureRelease, writeRelease } from './fixtures/release.ts';

/**
 * The batch side and the worker give the same answers: what a model scores in float32, and what comes back over HTTP from
 * workerd for the release that was made of it, with int8 tables, through the ONNX encoder and the kernel.
 */
const answerLength = 10;

/** One side's view of a question. */
interface Subject {
  readonly release: Release;
  readonly score: Model['score'];
  readonly itemIds: readonly string[];
  readonly histories: readonly History[];
}

/** What the two sides have in common, over many histories. */
interface Agreement {
  readonly histories: number;
  /** Answers that are the same ten items in the same order. */
  readonly identical: number;
  /** Largest difference of an item's score on the two sides, as a share of the query's largest score. */
  readonly scoreDifference: number;
  /**
   * Largest difference, on the batch side alone and as the same share, between the item that the worker has at a rank and
   * the one that belongs there: how near a tie must be before it may be turned.
   */
  readonly turnedTie: number;
}

async function agreementOf(subject: Subject, url: string): Promise<Agreement> {
  const indexOf = new Map(subject.itemIds.map((itemId, index) => [itemId, index]));
  const agreement = { histories: subject.histories.length, identical: 0, scoreDifference: 0, turnedTie: 0 };
  const queries = subject.histories.map((whole) => ({ history: latest(whole, limits.history) }));
  const all = await subject.score(queries);
  await inParallel([...queries.entries()], async ([query, { history }]) => {
    const scores = all[query]!;
    const seen = new Set(history.items);
    const expected = topK(scores, answerLength, (item) => seen.has(item)).indices;
    const answer = await recommend(url, subject, history);
    const found = answer.map(({ itemId, score }) => ({ item: indexOf.get(itemId)!, score }));
    expect(found).toHaveLength(expected.length);
    expect(found.filter(({ item }) => seen.has(item))).toEqual([]);
    expect(new Set(found.map(({ item }) => item)).size).toBe(found.length);
    const largest = scores.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);
    if (found.every(({ item }, rank) => item === expected[rank])) agreement.identical++;
    for (const [rank, { item, score }] of found.entries()) {
      const difference = Math.abs(score - scores[item]!) / largest;
      const tie = Math.abs(scores[item]! - scores[expected[rank]!]!) / largest;
      agreement.scoreDifference = Math.max(agreement.scoreDifference, difference);
      agreement.turnedTie = Math.max(agreement.turnedTie, tie);
    }
  });
  return agreement;
}

/** What the worker's model answers; what it fills up with popular items is not compared. */
async function recommend(url: string, { release, itemIds }: Subject, history: History) {
  const { eventKinds, artifact } = release.manifest;
  const kindOf = (weight: number): string =>
    Object.keys(eventKinds).find((kind) => Math.fround(eventKinds[kind]!) === weight)!;
  const events = Array.from(history.items, (item, event) => ({
    itemId: itemIds[item]!,
    kind: kindOf(history.weights[event]!),
    time: history.times[event]!,
  }));
  const response = await fetch(`${url}/v1/recommendations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ history: events, limit: answerLength }),
  });
  const body: unknown = await response.json();
  expect(response.status, JSON.stringify(body)).toBe(200);
  const answer = v.parse(RecommendationResponse, body);
  expect(answer.releaseId).toBe(release.releaseId);
  expect(answer.unknownItemIds).toEqual([]);
  const source = artifact.kind === 'none' ? 'popularity' : 'model';
  return answer.items.filter((item) => item.source === source);
}

/** Serves the subject's release from a directory store by `wrangler dev`, asks it everything, and stops it. */
async function measure(subject: Subject): Promise<Agreement> {
  const folder = await mkdtemp(path.join(tmpdir(), 'perigee-parity-'));
  try {
    await writeRelease(folder, subject.release);
    await using worker = await serve({
      store: openStore(folder, { baseDirectory: folder, environment: {} }),
      channel: 'production',
      port: await freePort(),
      signal: new AbortController().signal,
      environment: process.env,
    });
    const agreement = await agreementOf(subject, worker.url);
    console.log(`${subject.release.manifest.model.name}: ${JSON.stringify(agreement)}`);
    return agreement;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === 'string')
    throw new TypeError(`expected a port, found ${address}`);
  return address.port;
}

async function inParallel<T>(
  values: readonly T[],
  work: (value: T) => Promise<void>,
  width = 4,
): Promise<void> {
  const remaining = values.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const value of remaining) await work(value);
    }),
  );
}

/** Real customers: all that they bought before their last invoice. */
const config = parseConfig(perigeeConfig, 'perigee.config.ts');
const run = quietRun({ seed: config.seed });

async function retail() {
  const { signal } = run;
  const baseDirectory = path.resolve(import.meta.dirname, '..');
  const { dataset, fingerprint } = await loadDataset(config.data, {
    baseDirectory,
    signal,
    progress: () => {},
  });
  const { trainAndValidation, test } = splitDataset(dataset, config.split, config.seed);
  return { train: trainAndValidation, fingerprint, histories: test.queries.map(({ history }) => history) };
}

/** Fits a model on the embedded data, with options that take seconds, and makes its release. */
async function fitted(
  name: string,
  options: object,
  count: number,
  data: Awaited<ReturnType<typeof retail>>,
) {
  const { train, fingerprint, histories } = data;
  const recommender = recommenders.find((entry) => entry.name === name)!;
  const model = await recommender.fit(train, v.parse(recommender.options, options), run);
  const release = await exportRelease({
    name: config.name,
    model: { name, options: model.fittedOptions },
    artifact: await model.export(),
    dataset: train,
    fingerprint,
    popularity: popularityScores(train, { halfLifeDays: null }),
    histories,
    evaluation: { protocol: 'none', primary: 'ndcg@10', queries: 0, models: [] },
    eventKinds: config.data.eventKinds,
    defaultEventKind: 'purchase',
    seed: config.seed,
    config,
    codeVersion: 'parity',
  });
  return { model, release, itemIds: train.itemIds, histories: histories.slice(0, count) };
}

describe('batch and worker agree', () => {
  let data: Awaited<ReturnType<typeof retail>>;
  beforeAll(async () => {
    data = await retail();
  });

  it.each([
    { name: 'popularity', options: { halfLifeDays: null }, histories: 100 },
    { name: 'item-knn', options: {}, histories: 300 },
    { name: 'ease', options: {}, histories: 300 },
  ])('exactly on $histories customers, by $name', async ({ name, options, histories }) => {
    const { model, ...subject } = await fitted(name, options, histories, data);
    using _ = model;
    expect(await measure({ ...subject, score: model.score })).toEqual({
      histories,
      identical: histories,
      scoreDifference: 0,
      turnedTie: 0,
    });
  });

  it('within the bounds of int8 on 1,000 customers, by a two-tower', async () => {
    const options = { epochs: 1, examplesPerUser: 2 };
    const { model, ...subject } = await fitted('two-tower', options, 1_000, data);
    using _ = model;
    expectWithin(await measure({ ...subject, score: model.score }), { histories: 1_000, bound: 0.02 });
  });

  it('within the bounds of int8 on random tables, with biases, two tables and two kinds of event', async () => {
    const fixture = await fixtureRelease({
      items: 3_000,
      dimensions: 60,
      bias: true,
      ownHistoryTable: true,
      histories: 200,
    });
    const subject = { ...fixture, release: fixture, itemIds: fixture.dataset.itemIds };
    expectWithin(await measure(subject), { histories: 200, bound: 0.02 });
  });
});

/** Scores, and the ties that may be turned, as shares of a query's largest score. */
function expectWithin(
  agreement: Agreement,
  { histories, bound }: { histories: number; bound: number },
): void {
  expect(agreement.histories).toBe(histories);
  expect(agreement.scoreDifference).toBeLessThan(bound);
  expect(agreement.turnedTie).toBeLessThan(bound);
  // Int8 tables are not the float ones: were every answer identical, something else was compared.
  expect(agreement.scoreDifference).toBeGreaterThan(0);
}
