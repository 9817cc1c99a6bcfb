import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import { SplitConfig } from '../batch/config.ts';
import { fingerprintOf } from '../batch/data/dataset.ts';
import { loadDataset } from '../batch/data/ingest.ts';
import { splitDataset } from '../batch/data/split.ts';
import { openArtifact } from '../batch/export/artifact-scorer.ts';
import { exportRelease, type Release } from '../batch/export/export-release.ts';
import { goldenTolerance } from '../batch/export/golden.ts';
import { publishable } from '../batch/export/publishable.ts';
import { parseConfig } from '../batch/load-config.ts';
import { recommenders } from '../batch/models/index.ts';
import { popularityScores } from '../batch/models/popularity.ts';
import type { Artifact } from '../batch/recommender.ts';
import { serve } from '../batch/serve.ts';
import { openStore } from '../batch/store/index.ts';
import perigeeConfig from '../perigee.config.ts';
import { limits, RecommendationResponse, type RecommendedItem } from '../shared/api.ts';
import { type Carrier, carriers } from '../shared/evidence.ts';
import { type History, latest } from '../shared/history.ts';
import { topK } from '../shared/ranking.ts';
import { quietRun } from './fixtures/dataset.ts';
import { randomFriendships } from './fixtures/friends.ts';
import { fixtureRelease, writeRelease } from './fixtures/release.ts';

/**
 * The batch side and the worker give the same answers: what a model scores in float32, and what comes back over HTTP from
 * workerd for the release that was made of it, with int8 tables, through the ONNX encoder and the kernel.
 */
const answerLength = 10;
/** Questions of a subject that ask for reasons too. */
const explainedHistories = 60;

/** A release and the questions put to it. */
interface Subject {
  readonly release: Release;
  readonly itemIds: readonly string[];
  readonly histories: readonly History[];
}

/** What the worker answers to a history: items with scores and reasons, best first. */
type Answer = readonly {
  readonly item: number;
  readonly score: number;
  readonly reasons: readonly Carrier[];
}[];

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

/** Compares answers with every item's score on the batch side; asserts that no item is in its history, or twice. */
function compare(
  histories: readonly History[],
  answers: readonly Answer[],
  all: readonly Float32Array[],
): Agreement {
  const agreement = { histories: histories.length, identical: 0, scoreDifference: 0, turnedTie: 0 };
  for (const [query, answer] of answers.entries()) {
    const scores = all[query]!;
    const seen = new Set(histories[query]!.items);
    const expected = topK(scores, answerLength, (item) => seen.has(item)).indices;
    expect(answer).toHaveLength(expected.length);
    expect(answer.filter(({ item }) => seen.has(item))).toEqual([]);
    expect(new Set(answer.map(({ item }) => item)).size).toBe(answer.length);
    if (answer.every(({ item }, rank) => item === expected[rank])) agreement.identical++;
    const largest = scores.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);
    for (const [rank, { item, score }] of answer.entries()) {
      const difference = Math.abs(score - scores[item]!) / largest;
      const tie = Math.abs(scores[item]! - scores[expected[rank]!]!) / largest;
      agreement.scoreDifference = Math.max(agreement.scoreDifference, difference);
      agreement.turnedTie = Math.max(agreement.turnedTie, tie);
    }
  }
  return agreement;
}

/** What the worker's model answers; what it fills up with popular items is not compared. */
async function recommend(
  url: string,
  { release, itemIds }: Subject,
  history: History,
  explain: boolean,
): Promise<RecommendedItem[]> {
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
    body: JSON.stringify({ history: events, limit: answerLength, explain }),
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
async function ask(subject: Subject): Promise<Answer[]> {
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
    const indexOf = new Map(subject.itemIds.map((itemId, index) => [itemId, index]));
    return await inParallel([...subject.histories.entries()], async ([query, history]) => {
      const items = await recommend(worker.url, subject, history, query < explainedHistories);
      return items.map(({ itemId, score, reasons = [] }) => ({
        item: indexOf.get(itemId)!,
        score,
        reasons: reasons.flatMap((reason) =>
          reason.kind === 'item' ? [{ item: indexOf.get(reason.itemId)!, share: reason.share }] : [],
        ),
      }));
    });
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

async function inParallel<T, R>(
  values: readonly T[],
  work: (value: T) => Promise<R>,
  width = 4,
): Promise<R[]> {
  const results: R[] = [];
  const remaining = values.entries();
  const worker = async (): Promise<void> => {
    for (const [i, value] of remaining) results[i] = await work(value);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}

/** Every item's score by the tables and the encoder as they were released. */
async function releasedScores(artifact: Artifact, histories: readonly History[]): Promise<Float32Array[]> {
  await using scorer = await openArtifact(publishable(artifact).artifact, new Float32Array(0));
  const scores: Float32Array[] = [];
  for (const history of histories) scores.push(await scorer.score(history));
  return scores;
}

/** Holds the first answers' reasons against those that the batch side finds on the released tables: the same, to the digit. */
async function expectSameReasons(
  artifact: Artifact,
  histories: readonly History[],
  answers: readonly Answer[],
): Promise<void> {
  await using scorer = await openArtifact(publishable(artifact).artifact, new Float32Array(0));
  let named = 0;
  for (const [query, history] of histories.slice(0, explainedHistories).entries()) {
    const answer = answers[query]!;
    const evidence = await scorer.explain(
      history,
      Int32Array.from(answer, ({ item }) => item),
    );
    for (const [place, { reasons }] of answer.entries()) {
      const expected = evidence === undefined ? [] : carriers(evidence, place);
      expect(reasons).toEqual(expected.map(({ item, share }) => ({ item, share: Number(share.toFixed(4)) })));
      named += reasons.length;
    }
  }
  console.log(`${named} reasons are the same`);
  expect(named > 0).toBe(artifact.kind !== 'none');
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
  return {
    train: trainAndValidation,
    fingerprint,
    histories: test.queries.map(({ history }) => history),
    eventKinds: config.data.eventKinds,
    defaultEventKind: 'purchase',
  };
}

/** People of ten circles and what the split leaves of their friendships, by which they ask, themselves included. */
function people(): Awaited<ReturnType<typeof retail>> {
  const dataset = randomFriendships(600, 6_000, 10);
  const split = v.parse(SplitConfig, { kind: 'friendships' });
  const { trainAndValidation, test } = splitDataset(dataset, split, config.seed);
  return {
    train: trainAndValidation,
    fingerprint: fingerprintOf(dataset),
    histories: test.queries.map(({ history }) => history),
    eventKinds: { friendship: 1 },
    defaultEventKind: 'friendship',
  };
}

/** Fits a model on the embedded data, with options that take seconds, and makes its release. */
async function fitted(
  name: string,
  options: object,
  count: number,
  data: Awaited<ReturnType<typeof retail>>,
) {
  const { train, fingerprint, eventKinds, defaultEventKind } = data;
  const recommender = recommenders.find((entry) => entry.name === name)!;
  const model = await recommender.fit(train, v.parse(recommender.options, options), run);
  const artifact = await model.export();
  const release = await exportRelease({
    name: config.name,
    model: { name, options: model.fittedOptions },
    artifact,
    dataset: train,
    fingerprint,
    popularity: popularityScores(train, { halfLifeDays: null }),
    histories: data.histories,
    evaluation: { protocol: 'none', primary: 'ndcg@10', queries: 0, models: [] },
    eventKinds,
    defaultEventKind,
    seed: config.seed,
    config,
    codeVersion: 'parity',
  });
  // As much as a request may carry.
  const histories = data.histories.slice(0, count).map((history) => latest(history, limits.history));
  return { model, artifact, subject: { release, itemIds: train.itemIds, histories } };
}

/** Shares of a query's largest score that a score may differ by and a tie may be wide to be turned. */
function expectWithin(agreement: Agreement, bound: number): void {
  expect(agreement.scoreDifference).toBeLessThan(bound);
  expect(agreement.turnedTie).toBeLessThan(bound);
}

describe('batch and worker agree', () => {
  let data: Awaited<ReturnType<typeof retail>>;
  beforeAll(async () => {
    data = await retail();
  }, 60_000);

  it.each([
    { name: 'popularity', options: { halfLifeDays: null }, histories: 100 },
    { name: 'item-knn', options: {}, histories: 300 },
    { name: 'ease', options: {}, histories: 300 },
    { name: 'graph-filter', options: {}, histories: 300 },
    { name: 'common-neighbours', options: {}, histories: 100, of: people },
    { name: 'adamic-adar', options: {}, histories: 100, of: people },
  ])('exactly on $histories histories, by $name', async ({ name, options, histories, of }) => {
    const { model, artifact, subject } = await fitted(name, options, histories, of?.() ?? data);
    using _ = model;
    const answers = await ask(subject);
    await expectSameReasons(artifact, subject.histories, answers);
    const scores = await model.score(subject.histories.map((history) => ({ history })));
    expect(compare(subject.histories, answers, scores)).toEqual({
      histories,
      identical: histories,
      scoreDifference: 0,
      turnedTie: 0,
    });
  });

  it.each([
    { name: 'two-tower', options: { epochs: 1, examplesPerUser: 2 }, customers: 1_000, identical: 900 },
    {
      name: 'mult-vae',
      options: { hidden: 128, dimensions: 64, epochs: 4 },
      customers: 300,
      identical: 270,
    },
    { name: 'conv-sequence', options: { epochs: 1, blocks: 2 }, customers: 300, identical: 270 },
    { name: 'friends', options: { dimensions: 64 }, customers: 300, identical: 270, of: people },
    { name: 'caser', options: { epochs: 1 }, customers: 300, identical: 270 },
    { name: 'next-it-net', options: { epochs: 1 }, customers: 300, identical: 270 },
  ])('within the bounds of int8 on $customers customers, by $name', async (subjectOf) => {
    const { name, options, customers } = subjectOf;
    const { model, artifact, subject } = await fitted(name, options, customers, subjectOf.of?.() ?? data);
    using _ = model;
    const { histories } = subject;
    const answers = await ask(subject);
    await expectSameReasons(artifact, histories, answers);
    const float = compare(histories, answers, await model.score(histories.map((history) => ({ history }))));
    const released = compare(histories, answers, await releasedScores(artifact, histories));
    console.log(
      `${name}, of float32: ${JSON.stringify(float)}\nof the released tables: ${JSON.stringify(released)}`,
    );
    expect(float.histories).toBe(customers);
    expectWithin(float, 0.02);
    expectWithin(released, goldenTolerance);
    expect(released.identical).toBeGreaterThan(subjectOf.identical);
    expect(subject.release.manifest.quantisationRecall).toBeGreaterThan(0.97);
  });

  it('on random tables, with biases, two tables, two kinds of event and padded dimensions', async () => {
    const fixture = await fixtureRelease({
      items: 3_000,
      dimensions: 60,
      bias: true,
      ownHistoryTable: true,
      histories: 160,
    });
    const { histories, artifact } = fixture;
    const answers = await ask({ release: fixture, itemIds: fixture.dataset.itemIds, histories });
    await expectSameReasons(artifact, histories, answers);
    expectWithin(
      compare(histories, answers, await fixture.score(histories.map((history) => ({ history })))),
      0.02,
    );
    expectWithin(compare(histories, answers, await releasedScores(artifact, histories)), goldenTolerance);
  });
});
