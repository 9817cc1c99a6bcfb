import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { RecommendationResponse } from '../../shared/api.ts';
import { type Bundle, bundleEdge, type Edge, startEdge } from '../fixtures/edge.ts';
import { type Origin, startOrigin } from '../fixtures/origin.ts';
import { type FixtureRelease, fixtureRelease } from '../fixtures/release.ts';

/**
 * The edge's figures at 100,000 items of 64 dimensions, history 50, top 100, in workerd on this machine; and what a ranker
 * of as many dimensions adds, which reads as many events and re-scores 200 candidates.
 */
const items = 100_000;
const coldStarts = 7;
const blocks = 40;
/** V8 optimises onnxruntime after some thousand runs; an isolate in production has them behind it. */
const warmUp = 120;
const blockSize = 25;

/** Wall and processor time in milliseconds; the latter where the system tells it (Linux). */
interface Cost {
  readonly wall: number;
  readonly processor: number;
}

const request = {
  history: Array.from({ length: 50 }, (_, i) => ({
    itemId: `item-${String(1 + i * 1_997).padStart(7, '0')}`,
  })),
  limit: 100,
};
const body = JSON.stringify(request);
const explained = JSON.stringify({ ...request, explain: true });

export const bench = async (): Promise<void> => {
  const release = await fixtureRelease({ items, dimensions: 64 });
  await using origin = await startOrigin();
  origin.add(release);
  origin.point(release.releaseId);
  const bundle = await bundleEdge();
  const cold = await coldStart(bundle, origin);
  const request = await requestCost(origin, body);
  const withReasons = await requestCost(origin, explained);
  const ranked = await fixtureRelease({ items, dimensions: 64, ranker: {} });
  origin.add(ranked);
  origin.point(ranked.releaseId);
  const rankedRequest = await requestCost(origin, body);
  console.log(
    `Edge, ${items.toLocaleString('en')} items × 64, history 50, top 100 (median [lowest, highest])`,
  );
  console.table({
    'a request in the isolate, ms of processor': summary(request, 'processor'),
    'a request in the isolate, ms': summary(request, 'wall'),
    'the same with the reasons of all 100, ms of processor': summary(withReasons, 'processor'),
    'the same with the reasons of all 100, ms': summary(withReasons, 'wall'),
    'a request with a ranker in the isolate, ms of processor': summary(rankedRequest, 'processor'),
    'the ranker on 200 candidates, ms of processor': (
      median(rankedRequest, 'processor') - median(request, 'processor')
    ).toFixed(2),
    'cold isolate to its first personal answer, ms of processor': summary(cold, 'processor'),
    'cold isolate to its first personal answer, ms': summary(cold, 'wall'),
    'bundle, gzip, MB': (size(bundle) / 1e6).toFixed(2),
    'release, MB': (releaseSize(release) / 1e6).toFixed(1),
  });
};

/** From the first request that a fresh isolate gets to its answer: release loaded, proven, history encoded. */
async function coldStart(bundle: Bundle, origin: Origin): Promise<Cost[]> {
  const costs: Cost[] = [];
  for (let i = 0; i < coldStarts; i++) {
    await using edge = await startEdge(bundle, { variables: { RELEASE_ORIGIN: origin.url } });
    costs.push(await costOf(() => personalAnswer(edge)));
  }
  return costs;
}

async function costOf(work: () => Promise<void>): Promise<Cost> {
  const started = performance.now();
  const before = workerdTime();
  await work();
  return { wall: performance.now() - started, processor: workerdTime() - before };
}

/** Milliseconds of processor that the workerd processes below this one have used. */
function workerdTime(parent: number | 'self' = 'self'): number {
  if (process.platform !== 'linux') return Number.NaN;
  let total = 0;
  for (const task of readdirSync(`/proc/${parent}/task`)) {
    for (const child of readFileSync(`/proc/${parent}/task/${task}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number)) {
      total += workerdTime(child);
      if (readFileSync(`/proc/${child}/comm`, 'utf8').trim() !== 'workerd') continue;
      for (const thread of readdirSync(`/proc/${child}/task`)) {
        total += Number(readFileSync(`/proc/${child}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
      }
    }
  }
  return total;
}

async function personalAnswer(edge: Edge): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${edge.url}/v1/recommendations`, { method: 'POST', headers, body });
  const answer = (await response.json()) as RecommendationResponse;
  if (answer.items?.length !== 100 || answer.items[0]?.source !== 'model') {
    throw new Error(`expected 100 items by the model, found ${JSON.stringify(answer).slice(0, 300)}`);
  }
}

/** One request's, each the mean of a block. It ranks with a ranker, if the release has one, whatever that costs. */
async function requestCost(origin: Origin, asked: string): Promise<Cost[]> {
  const bundle = await bundleEdge('test/workerd/bench-worker.ts');
  await using edge = await startEdge(bundle, {
    variables: { RELEASE_ORIGIN: origin.url, POLL_SECONDS: '3600', RANK_BUDGET_MS: '10000' },
  });
  await personalAnswer(edge);
  const costs: Cost[] = [];
  for (let block = -warmUp; block < blocks; block++) {
    const { wall, processor } = await costOf(async () => {
      const response = await fetch(`${edge.url}/bench?requests=${blockSize}`, {
        method: 'POST',
        body: asked,
      });
      if (!response.ok) throw new Error(await response.text());
      await response.body?.cancel();
    });
    if (block >= 0) costs.push({ wall: wall / blockSize, processor: processor / blockSize });
  }
  return costs;
}

/** The value below which a share of the costs lies. */
function quantile(costs: readonly Cost[], of: keyof Cost, share: number): number {
  const sorted = costs.map((cost) => cost[of]).sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))]!;
}

const median = (costs: readonly Cost[], of: keyof Cost): number => quantile(costs, of, 0.5);

function summary(costs: readonly Cost[], of: keyof Cost): string {
  const at = (share: number): string => quantile(costs, of, share).toFixed(2);
  return `${at(0.5)} [${at(0)}, ${at(1)}]`;
}

const size = (bundle: Bundle): number =>
  bundle.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);

const releaseSize = ({ files }: FixtureRelease): number =>
  Array.from(files.values()).reduce((sum, bytes) => sum + bytes.length, 0);

if (import.meta.main) await bench();
