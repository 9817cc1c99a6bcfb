import * as v from 'valibot';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ArtifactScorer, openArtifact } from '../../batch/export/artifact-scorer.ts';
import { openRanker, type RankerScorer } from '../../batch/export/ranker-scorer.ts';
import { type ReleasedModel, releasedModel } from '../../batch/export/released-artifact.ts';
import { RecommendationResponse } from '../../shared/api.ts';
import { contextNumbers } from '../../shared/features.ts';
import type { History } from '../../shared/history.ts';
import { topK } from '../../shared/ranking.ts';
import { bundleEdge, type Edge, startEdge } from '../fixtures/edge.ts';
import { type Origin, startOrigin } from '../fixtures/origin.ts';
import { generator } from '../fixtures/random.ts';
import { fixtureContext } from '../fixtures/ranker.ts';
import { type FixtureRelease, fixtureRelease } from '../fixtures/release.ts';

/**
 * The batch side and the worker rank alike: retrieval, features, the network and the order, over HTTP, for releases whose
 * tables are padded and whose ranker reads fewer events than its encoder.
 */
const requests = 1_000;
const candidates = 200;

/** Share of an answer's largest retrieval score within which the int16 query may swap the last candidates. */
const tolerance = 1e-3;

let release: FixtureRelease;
let model: ReleasedModel;
let scorer: ArtifactScorer;
let ranker: RankerScorer;
let origin: Origin;
let edge: Edge;

beforeAll(async () => {
  release = await fixtureRelease({
    items: 3_000,
    dimensions: 60,
    ownHistoryTable: true,
    bias: true,
    ranker: {},
  });
  model = releasedModel(release.manifest, release.files);
  scorer = await openArtifact(model.artifact, model.popularity);
  ranker = await openRanker(model.ranker!);
  origin = await startOrigin();
  origin.add(release);
  origin.point(release.releaseId);
  edge = await startEdge(await bundleEdge(), {
    variables: { RELEASE_ORIGIN: origin.url, RANK_BUDGET_MS: '10000' },
  });
}, 120_000);

afterAll(async () => {
  await edge[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
  await ranker[Symbol.asyncDispose]();
  await scorer[Symbol.asyncDispose]();
});

interface Asked {
  readonly events: readonly { readonly itemId: string; readonly kind: string; readonly time: number }[];
  readonly history: History;
  readonly context: Readonly<Record<string, string>>;
  readonly limit: number;
}

/** Histories of none to 100 events, some on items that do not exist; every context, and values that do not exist. */
function random(next: () => number): Asked {
  const below = (n: number): number => Math.floor(next() * n);
  const length = below(5) === 0 ? 0 : below(100);
  let time = 1.7e9;
  const events = Array.from({ length }, () => {
    time += below(200_000);
    const known = below(10) > 0;
    const item = 1 + below(3_000);
    const kind = below(2) === 0 ? 'purchase' : 'view';
    return { item: known ? item : 0, itemId: known ? model.itemIds[item]! : `unknown ${item}`, kind, time };
  });
  const known = events.filter(({ item }) => item > 0);
  const context = fixtureContext.flatMap(({ name, values }) => {
    const value = [...values, 'something else', undefined][below(values.length + 2)];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    events: events.map(({ item: _, ...event }) => event),
    history: {
      items: Int32Array.from(known, ({ item }) => item),
      times: Float64Array.from(known, (event) => event.time),
      weights: Float32Array.from(known, ({ kind }) => release.manifest.eventKinds[kind]!),
    },
    context: Object.fromEntries(context),
    limit: 1 + below(40),
  };
}

async function answerOf({ events, context, limit }: Asked): Promise<RecommendationResponse> {
  const response = await fetch(`${edge.url}/v1/recommendations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ history: events, context, limit }),
  });
  expect(response.status).toBe(200);
  return v.parse(RecommendationResponse, await response.json());
}

/** Of every item: what retrieves it, and how likely it is. */
async function batchSide({ history, context }: Asked) {
  const scores = history.items.length === 0 ? model.popularity : await scorer.score(history);
  const seen = new Set(history.items);
  // Some more than are retrieved: the worker may have others at the end.
  const { indices } = topK(scores, candidates + 20, (item) => seen.has(item));
  const numbers = contextNumbers(fixtureContext, context);
  const likely = await ranker.probabilities({ history, candidates: indices, context: numbers });
  const probability = new Map(Array.from(indices, (item, i) => [item, likely[i]!]));
  const ranked = [...indices.subarray(0, candidates)].sort(
    (a, b) => probability.get(b)! - probability.get(a)! || a - b,
  );
  const largest = Math.abs(scores[indices[0]!]!);
  return { ranked, probability, scores, last: scores[indices[candidates - 1]!]!, slack: tolerance * largest };
}

it(`over HTTP, on ${requests} random requests`, async () => {
  const next = generator(42);
  const indexOf = new Map(model.itemIds.map((itemId, index) => [itemId, index]));
  let identical = 0;
  let difference = 0;
  let empty = 0;
  for (let i = 0; i < requests; i++) {
    const asked = random(next);
    const { items, degraded, ranker: by, unknownItemIds } = await answerOf(asked);
    const { ranked, probability, scores, last, slack } = await batchSide(asked);
    expect(by).toBe('fixture-ranker');
    expect(unknownItemIds).toEqual([
      ...new Set(asked.events.map(({ itemId }) => itemId).filter((id) => id.startsWith('unknown'))),
    ]);
    expect(degraded.map(({ stage }) => stage)).toEqual(asked.history.items.length === 0 ? ['encode'] : []);
    empty += degraded.length;
    const found = items.map(({ itemId }) => indexOf.get(itemId)!);
    expect(found).toHaveLength(asked.limit);
    identical += Number(found.every((item, rank) => item === ranked[rank]));
    for (const [rank, { score }] of items.entries()) {
      const item = found[rank]!;
      difference = Math.max(difference, Math.abs(score - probability.get(item)!));
      expect(scores[item]!).toBeGreaterThanOrEqual(last - slack);
      if (rank > 0) expect(score).toBeLessThanOrEqual(items[rank - 1]!.score);
    }
  }
  console.log(
    `${identical} of ${requests} answers identical, ${empty} of an empty history; largest |Δp| ${difference}`,
  );
  expect(difference).toBeLessThan(1e-5);
  expect(identical).toBeGreaterThan(0.97 * requests);
  expect(empty).toBeGreaterThan(100);
});
