import { openClient } from '../fixtures/client.ts';
import { bundleEdge, startEdge } from '../fixtures/edge.ts';
import { startOrigin } from '../fixtures/origin.ts';
import { type FixtureRelease, fixtureRelease } from '../fixtures/release.ts';

export interface LoadOptions {
  readonly requests: number;
  readonly concurrency: number;
  readonly swaps: number;
}

export interface LoadResult {
  readonly requests: number;
  /** Requests that did not get a 200 with as many items as asked for, of a release that was published. */
  readonly failed: readonly string[];
  /** Releases in the order in which they first answered. */
  readonly served: readonly string[];
  readonly published: readonly string[];
  readonly requestsPerSecond: number;
  readonly milliseconds: { readonly p50: number; readonly p95: number; readonly p99: number };
}

/**
 * Sends requests to the worker in workerd while its channel moves from release to release, each of another size, kind or
 * content. A swap begins when the one before has been seen; requests go on until all swaps are through.
 */
export async function load({ requests, concurrency, swaps }: LoadOptions): Promise<LoadResult> {
  const kinds = ['embedding', 'neighbours', 'embedding', 'none', 'embedding', 'neighbours'] as const;
  const releases: FixtureRelease[] = [];
  for (let i = 0; i <= swaps; i++) {
    releases.push(
      await fixtureRelease({
        items: 2_000 + 500 * i,
        seed: 1 + i,
        kind: kinds[i % kinds.length]!,
        histories: 10,
      }),
    );
  }
  await using origin = await startOrigin();
  for (const release of releases) origin.add(release);
  origin.point(releases[0]!.releaseId);
  await using edge = await startEdge(await bundleEdge(), {
    variables: { RELEASE_ORIGIN: origin.url, POLL_SECONDS: '1' },
  });
  using client = openClient(edge.url, concurrency);
  const published = [releases[0]!.releaseId];
  const served: string[] = [];
  const failed: string[] = [];
  const times: number[] = [];

  const step = Math.ceil(requests / (swaps + 1));
  let begun = 0;
  const work = async (): Promise<void> => {
    while (begun < requests || served.length <= swaps) {
      const number = begun++;
      const started = performance.now();
      const { status, text } = await client.send(requestNumber(number));
      times.push(performance.now() - started);
      const releaseId = /"releaseId":"(\w+)"/.exec(text)?.[1] ?? '';
      const items = text.match(/"itemId"/g)?.length ?? 0;
      if (status !== 200 || items !== 20 || !published.includes(releaseId))
        failed.push(`${number}: ${status} ${text.slice(0, 200)}`);
      if (releaseId !== '' && !served.includes(releaseId)) served.push(releaseId);
      const next = releases[published.length];
      if (next && served.length === published.length && begun >= step * published.length) {
        published.push(next.releaseId);
        origin.point(next.releaseId, published.slice(0, -1).reverse());
      }
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: concurrency }, work));
  const seconds = (performance.now() - started) / 1_000;
  times.sort((a, b) => a - b);
  const percentile = (share: number): number =>
    Number(times[Math.floor(share * (times.length - 1))]!.toFixed(2));
  return {
    requests: times.length,
    failed,
    served,
    published,
    requestsPerSecond: Math.round(times.length / seconds),
    milliseconds: { p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99) },
  };
}

/** Histories of changing length; every tenth request is for items similar to one. */
function requestNumber(number: number) {
  const itemId = (i: number): string =>
    `item-${String(1 + ((number * 31 + i * 7) % 2_000)).padStart(7, '0')}`;
  if (number % 10 === 0) return { method: 'GET', path: `/v1/items/${itemId(0)}/similar` };
  const history = Array.from({ length: number % 50 }, (_, i) => ({
    itemId: itemId(i),
    kind: i % 3 === 0 ? 'view' : 'purchase',
  }));
  return {
    method: 'POST',
    path: '/v1/recommendations',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify({ history })),
  };
}

export const bench = async (): Promise<void> => {
  const { failed, served, requests, requestsPerSecond, milliseconds } = await load({
    requests: 100_000,
    concurrency: 16,
    swaps: 5,
  });
  console.log('Load: requests at concurrency 16 across release swaps, over HTTP on this machine');
  console.table({
    requests,
    failed: failed.length,
    swaps: served.length - 1,
    'requests/s': requestsPerSecond,
    'p50, p95, p99, ms': Object.values(milliseconds).join(', '),
  });
  if (failed.length > 0)
    throw new Error(`${failed.length} requests failed:\n${failed.slice(0, 5).join('\n')}`);
};

if (import.meta.main) await bench();
