import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Release } from '../../batch/export/export-release.ts';
import { encodeManifest } from '../../batch/release/manifest.ts';
import { sha256 } from '../../batch/sha256.ts';
import type { RecommendationResponse, ReleaseResponse } from '../../shared/api.ts';
import { type Manifest, releaseKey } from '../../shared/release.ts';
import { type Bundle, bundleEdge, type Edge, startEdge } from '../fixtures/edge.ts';
import { type Origin, startOrigin } from '../fixtures/origin.ts';
import { generator } from '../fixtures/random.ts';
import { fixtureRanker } from '../fixtures/ranker.ts';
import { type FixtureRelease, fixtureRelease, storedRelease } from '../fixtures/release.ts';

let bundle: Bundle;
let embedding: FixtureRelease;
let neighbours: FixtureRelease;
let popularity: FixtureRelease;
/** Its table is read in two parts. */
let large: FixtureRelease;
let ranked: FixtureRelease;

beforeAll(async () => {
  bundle = await bundleEdge();
  embedding = await fixtureRelease({ items: 500, seed: 1 });
  neighbours = await fixtureRelease({ items: 400, seed: 2, kind: 'neighbours' });
  popularity = await fixtureRelease({ items: 300, seed: 3, kind: 'none' });
  large = await fixtureRelease({ items: 17_000, dimensions: 128, seed: 4, histories: 3 });
  ranked = await fixtureRelease({ items: 500, seed: 5, ranker: {} });
}, 120_000);

const get = async <T>(edge: Edge, path: string): Promise<T> => {
  const response = await fetch(edge.url + path);
  expect(response.status, path).toBe(200);
  return (await response.json()) as T;
};

const serving = (edge: Edge): Promise<ReleaseResponse> => get(edge, '/v1/release');

/** Asks until the answer is as wanted: the edge looks at its channel once a second. */
async function until(edge: Edge, wanted: (release: ReleaseResponse) => boolean): Promise<ReleaseResponse> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const release = await serving(edge);
    if (wanted(release)) return release;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never as wanted: ${JSON.stringify(await serving(edge))}`);
}

const start = (origin: Origin, variables: Record<string, string> = {}): Promise<Edge> =>
  startEdge(bundle, { variables: { RELEASE_ORIGIN: origin.url, POLL_SECONDS: '1', ...variables } });

/** The release with some files and parts of its manifest replaced, consistent in all checksums. */
function remade(
  release: Release,
  files: Record<string, Uint8Array<ArrayBuffer>>,
  change: Partial<Manifest> = {},
): Release {
  const all = new Map([...release.files, ...Object.entries(files)]);
  const manifest: Manifest = {
    ...release.manifest,
    ...change,
    files: Object.fromEntries(
      [...all].map(([name, bytes]) => [name, { sha256: sha256(bytes), bytes: bytes.byteLength }]),
    ),
  };
  return { releaseId: encodeManifest(manifest).releaseId, manifest, files: all };
}

describe('a cold worker', () => {
  it('loads once for all who wait, and proves the release before it answers', async () => {
    await using origin = await startOrigin();
    origin.add(embedding);
    origin.point(embedding.releaseId);
    await using edge = await start(origin);
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => get<RecommendationResponse>(edge, '/v1/items/item-0000001/similar')),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]!.items[0]!.source).toBe('model');
    for (const name of embedding.files.keys()) {
      expect(origin.asked.filter((key) => key === releaseKey(embedding.releaseId, name))).toHaveLength(1);
    }
  });

  it('says 503 and when to try again while there is nothing to load, and recovers', async () => {
    await using origin = await startOrigin();
    await using edge = await start(origin);
    const refused = await fetch(`${edge.url}/v1/items/popular`);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({
      status: 503,
      detail: expect.stringContaining('channels/production.json'),
    });
    expect((await fetch(`${edge.url}/healthz`)).status).toBe(200);
    origin.add(popularity);
    origin.point(popularity.releaseId);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect((await serving(edge)).releaseId).toBe(popularity.releaseId);
  });

  it('serves the release before when the newest cannot be loaded', async () => {
    await using origin = await startOrigin();
    origin.add(neighbours);
    origin.point(embedding.releaseId, [neighbours.releaseId]);
    await using edge = await start(origin);
    const { releaseId, lastFailure } = await serving(edge);
    expect(releaseId).toBe(neighbours.releaseId);
    expect(lastFailure?.releaseId).toBe(embedding.releaseId);
  });

  it('goes on loading when the client that began it goes away', async () => {
    await using origin = await startOrigin();
    origin.add(neighbours);
    origin.point(neighbours.releaseId);
    const client = new AbortController();
    origin.intercept = (key, response) => {
      if (!key.endsWith('neighbours.table')) return false;
      origin.intercept = undefined;
      setTimeout(() => client.abort(), 50);
      setTimeout(() => response.writeHead(200).end(origin.objects.get(key)), 400);
      return true;
    };
    await using edge = await start(origin);
    const gone = fetch(`${edge.url}/v1/release`, { signal: client.signal });
    await expect(gone).rejects.toThrow('aborted');
    expect((await serving(edge)).releaseId).toBe(neighbours.releaseId);
  });

  it('names the variable that is not what it must be', async () => {
    await using edge = await startEdge(bundle, {
      variables: { RELEASE_ORIGIN: 'ftp://x', POLL_SECONDS: '1' },
    });
    const response = await fetch(`${edge.url}/healthz`);
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({
      detail: expect.stringContaining('configuration: RELEASE_ORIGIN: expected an http(s) address'),
    });
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it.each(['https://user:secret@store.example', 'https://store.example?token=secret'])(
    'takes no secret as part of the address: %s',
    async (RELEASE_ORIGIN) => {
      await using edge = await startEdge(bundle, { variables: { RELEASE_ORIGIN } });
      const response = await fetch(`${edge.url}/v1/release`);
      expect(response.status).toBe(500);
      expect(await response.text()).not.toContain('secret');
    },
  );

  it('tells nobody where its store is', async () => {
    const origin = await startOrigin();
    await origin[Symbol.asyncDispose]();
    await using edge = await start(origin);
    const response = await fetch(`${edge.url}/v1/release`);
    expect(response.status).toBe(503);
    const text = await response.text();
    expect(text).toContain('channels/production.json: expected an answer from the origin, found none');
    expect(text).not.toContain(new URL(origin.url).port);
  });

  it('limits each client address', async () => {
    await using origin = await startOrigin();
    origin.add(popularity);
    origin.point(popularity.releaseId);
    await using edge = await startEdge(bundle, {
      variables: { RELEASE_ORIGIN: origin.url },
      rateLimit: { limit: 3, period: 60 },
    });
    const statuses = async (client: string): Promise<number[]> => {
      const found: number[] = [];
      for (let i = 0; i < 5; i++) {
        const headers = { 'cf-connecting-ip': client };
        found.push((await fetch(`${edge.url}/v1/items/popular`, { headers })).status);
      }
      return found;
    };
    expect(await statuses('192.0.2.1')).toEqual([200, 200, 200, 429, 429]);
    expect(await statuses('192.0.2.2')).toEqual([200, 200, 200, 429, 429]);
  });

  it('reads an R2 bucket', async () => {
    await using edge = await startEdge(bundle);
    const bucket = await edge.miniflare.getR2Bucket('RELEASES');
    for (const [key, bytes] of storedRelease(embedding)) await bucket.put(key, bytes);
    expect((await serving(edge)).releaseId).toBe(embedding.releaseId);
  });

  it.each([{ ranges: true }, { ranges: false }])('reads large files in parts, %o', async ({ ranges }) => {
    await using origin = await startOrigin();
    origin.ranges = ranges;
    origin.add(large);
    origin.point(large.releaseId);
    await using edge = await start(origin);
    expect((await serving(edge)).releaseId).toBe(large.releaseId);
    expect(origin.asked.filter((key) => key.endsWith('items.table'))).toHaveLength(2);
  });
});

describe('a warm worker', () => {
  let origin: Origin;
  let edge: Edge;

  beforeAll(async () => {
    origin = await startOrigin();
    for (const release of [embedding, neighbours, popularity, ranked]) origin.add(release);
    origin.point(embedding.releaseId);
    edge = await start(origin);
    await serving(edge);
  }, 120_000);

  afterAll(async () => {
    await edge[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  it('moves between releases of every kind', async () => {
    for (const release of [neighbours, popularity, embedding]) {
      origin.point(release.releaseId);
      const { artifact, items } = await until(edge, ({ releaseId }) => releaseId === release.releaseId);
      expect({ artifact, items }).toEqual({
        artifact: release.artifact.kind,
        items: release.dataset.itemIds.length - 1,
      });
      const { items: answer, releaseId } = await get<RecommendationResponse>(
        edge,
        '/v1/items/item-0000007/similar?limit=5',
      );
      expect(releaseId).toBe(release.releaseId);
      expect(answer).toHaveLength(5);
    }
  });

  it('moves to a ranker and back to none', async () => {
    const answerOf = async (release: FixtureRelease): Promise<RecommendationResponse> => {
      origin.point(release.releaseId);
      await until(edge, ({ releaseId }) => releaseId === release.releaseId);
      return get(edge, '/v1/items/item-0000007/similar?limit=5');
    };
    const before = await answerOf(embedding);
    const { ranker, items, degraded } = await answerOf(ranked);
    expect({ ranker, degraded }).toEqual({ ranker: 'fixture-ranker', degraded: [] });
    expect(items.every(({ score }) => score > 0 && score < 1)).toBe(true);
    expect((await serving(edge)).ranker).toMatchObject({ model: 'fixture-ranker', candidates: 200 });
    expect(await answerOf(embedding)).toEqual(before);
    expect(await serving(edge)).not.toHaveProperty('ranker');
  });

  /** Makes each broken release another one. */
  let copies = 1_000;
  const broken =
    (
      name: string,
      spoil: (bytes: Uint8Array) => Uint8Array | undefined,
      of: () => Release = () => embedding,
    ) =>
    () => {
      const release = remade(of(), {}, { seed: ++copies });
      origin.add(release);
      const key = releaseKey(release.releaseId, name);
      const spoiled = spoil(Uint8Array.from(origin.objects.get(key)!));
      if (spoiled) origin.objects.set(key, spoiled);
      else origin.objects.delete(key);
      return release.releaseId;
    };
  const flipBit = (bytes: Uint8Array): Uint8Array => {
    bytes[bytes.length >> 1]! ^= 1;
    return bytes;
  };
  type GoldenItems = { score: number; probability?: number }[];
  const golden = (
    change: (items: GoldenItems) => GoldenItems,
    of: Release = embedding,
  ): Uint8Array<ArrayBuffer> => {
    const text = new TextDecoder().decode(of.files.get('golden.json'));
    const parsed = JSON.parse(text) as { requests: { items: GoldenItems }[] };
    for (const request of parsed.requests) request.items = change(request.items);
    return new TextEncoder().encode(JSON.stringify(parsed));
  };
  const scoreAltered = (items: GoldenItems): GoldenItems =>
    items.map(({ score, ...item }, rank) => ({ ...item, score: rank === 3 ? score * 1.05 : score }));
  const unproven = (items: GoldenItems): GoldenItems => items.map(({ probability: _, ...item }) => item);
  const otherRanker = (): Uint8Array<ArrayBuffer> => {
    const { artifact } = fixtureRanker(generator(6), { rows: 501, dimensions: 32 });
    return artifact.network.onnx.slice();
  };
  const published = (release: Release) => () => {
    origin.add(release);
    return release.releaseId;
  };

  it.each<[string, () => string, RegExp]>([
    ['a flipped bit in the table', broken('items.table', flipBit), /items\.table: expected sha256/],
    ['a flipped bit in the catalogue', broken('catalogue.bin', flipBit), /catalogue\.bin: expected sha256/],
    ['a flipped bit in the encoder', broken('encoder.onnx', flipBit), /encoder\.onnx: expected sha256/],
    [
      'a truncated table',
      broken('items.table', (bytes) => bytes.subarray(0, -1)),
      /items\.table: expected \d+ bytes, found \d+/,
    ],
    [
      'a table with a byte too many',
      broken('items.table', (bytes) => new Uint8Array([...bytes, 0])),
      /items\.table: expected \d+ bytes, found more/,
    ],
    ['a missing file', broken('items.table', () => undefined), /items\.table: expected a file/],
    ['a missing manifest', broken('manifest.json', () => undefined), /manifest\.json: expected a manifest/],
    [
      'an altered manifest',
      broken('manifest.json', flipBit),
      /manifest\.json: expected a sha256 that starts with/,
    ],
    [
      'an encoder that is none',
      () => published(remade(embedding, { 'encoder.onnx': new Uint8Array(64) }))(),
      /encoder: expected a model/,
    ],
    [
      'a golden answer that is not reproduced',
      () => published(remade(embedding, { 'golden.json': golden(scoreAltered) }))(),
      /golden request \d+ .*at rank 4/,
    ],
    [
      'golden requests that prove nothing',
      () => published(remade(embedding, { 'golden.json': golden(() => []) }))(),
      /golden\.json: .*expected at least one request/,
    ],
    [
      'a flipped bit in the ranker',
      broken('ranker.onnx', flipBit, () => ranked),
      /ranker\.onnx: expected sha256/,
    ],
    [
      'a flipped bit in the ranker’s table',
      broken('ranker.table', flipBit, () => ranked),
      /ranker\.table: expected sha256/,
    ],
    [
      'a ranker that is none',
      () => published(remade(ranked, { 'ranker.onnx': new Uint8Array(64) }))(),
      /ranker: expected a model/,
    ],
    [
      'another ranker than was proven',
      () => published(remade(ranked, { 'ranker.onnx': otherRanker() }))(),
      /golden request \d+ .*, ranked: expected/,
    ],
    [
      'a ranker that nothing proves',
      () => published(remade(ranked, { 'golden.json': golden(unproven, ranked) }))(),
      /golden\.json: expected golden requests with a probability for every item, found 0 of/,
    ],
    [
      'a channel pointing to what is not there',
      () => 'ffffffffffffffff',
      /manifest\.json: expected a manifest/,
    ],
  ])('refuses %s and goes on', async (_name, publish, reason) => {
    const releaseId = publish();
    origin.point(releaseId);
    const { lastFailure, releaseId: still } = await until(
      edge,
      ({ lastFailure }) => lastFailure?.releaseId === releaseId,
    );
    expect(still).toBe(embedding.releaseId);
    expect(lastFailure?.reason).toMatch(reason);
    const { items } = await get<RecommendationResponse>(edge, '/v1/items/item-0000007/similar?limit=5');
    expect(items.map(({ source }) => source)).toEqual(Array(5).fill('model'));
  });

  it('goes on when the pointer cannot be read, and says so', async () => {
    origin.intercept = (key, response) => {
      if (!key.startsWith('channels/')) return false;
      response.writeHead(500).end();
      return true;
    };
    const { releaseId, lastFailure } = await until(edge, ({ lastFailure }) =>
      /status 200 from the origin, found 500/.test(lastFailure?.reason ?? ''),
    );
    origin.intercept = undefined;
    expect({ releaseId, failed: lastFailure?.releaseId }).toEqual({
      releaseId: embedding.releaseId,
      failed: undefined,
    });
    origin.point(embedding.releaseId);
    await until(edge, ({ lastFailure }) => lastFailure === undefined);
  });

  it('answers while the next release arrives slowly', async () => {
    const slow = remade(embedding, {}, { seed: 77 });
    origin.add(slow);
    let finish: (() => void) | undefined;
    origin.intercept = (key, response) => {
      if (!key.endsWith(`${slow.releaseId}/items.table`)) return false;
      const bytes = origin.objects.get(key)!;
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 1_000));
      finish = () => response.end(bytes.subarray(1_000));
      return true;
    };
    origin.point(slow.releaseId);
    for (let attempt = 0; finish === undefined && attempt < 100; attempt++) {
      expect((await serving(edge)).releaseId).toBe(embedding.releaseId);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    for (let i = 0; i < 20; i++) {
      const { releaseId } = await get<RecommendationResponse>(edge, '/v1/items/item-0000007/similar');
      expect(releaseId).toBe(embedding.releaseId);
    }
    finish!();
    await until(edge, ({ releaseId }) => releaseId === slow.releaseId);
    origin.intercept = undefined;
  });
});

it('refuses a release that does not fit beside the one that serves', async () => {
  await using origin = await startOrigin();
  origin.add(embedding);
  origin.add(large);
  origin.point(embedding.releaseId);
  await using edge = await start(origin, { MEMORY_MIB: '2' });
  await serving(edge);
  origin.point(large.releaseId);
  const { releaseId, lastFailure } = await until(edge, ({ lastFailure }) => lastFailure !== undefined);
  expect(releaseId).toBe(embedding.releaseId);
  expect(lastFailure?.reason).toMatch(/memory: expected a release of at most \d+ bytes/);
});

it('counts a ranker’s table and work space when it looks whether a release fits', async () => {
  const options = { items: 2_500, dimensions: 256, histories: 3, seed: 6 };
  const [without, withRanker] = [
    await fixtureRelease(options),
    await fixtureRelease({ ...options, ranker: {} }),
  ];
  await using origin = await startOrigin();
  for (const release of [embedding, without, withRanker]) origin.add(release);
  origin.point(withRanker.releaseId, [embedding.releaseId]);
  await using edge = await start(origin, { MEMORY_MIB: '2' });
  const refused = await serving(edge);
  expect(refused.releaseId).toBe(embedding.releaseId);
  expect(refused.lastFailure?.reason).toMatch(/memory: expected a release of at most \d+ bytes/);
  origin.point(without.releaseId);
  await until(edge, ({ releaseId }) => releaseId === without.releaseId);
});
