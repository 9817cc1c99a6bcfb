import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { transform } from 'esbuild';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../edge/app.ts';
import { ApiError, type ClientOptions, createClient } from '../../edge/client.ts';
import { placedRelease } from '../fixtures/placed.ts';
import { type FixtureRelease, fixtureRelease } from '../fixtures/release.ts';

describe('against the worker', () => {
  let fixture: FixtureRelease;
  let client: ReturnType<typeof createClient>;
  const itemId = (item: number): string => fixture.dataset.itemIds[item]!;

  beforeAll(async () => {
    fixture = await fixtureRelease({ items: 300 });
    const release = await placedRelease(fixture);
    const state = { activatedAt: '2026-01-01T00:00:00.000Z', lastFailure: undefined };
    const app = createApp({
      serving: { use: async (_waitUntil, work) => work(release, state) },
      corsOrigins: [],
      cacheSeconds: 30,
    });
    const throughApp = async (input: unknown, init?: RequestInit): Promise<Response> =>
      app.request(String(input), init);
    client = createClient({ url: 'http://worker/', retries: 0, fetch: throughApp as typeof fetch });
  });

  it('recommends, with the defaults of the API filled in there', async () => {
    const { items, unknownItemIds } = await client.recommend({
      history: [{ itemId: itemId(1) }, { itemId: 'nobody knows this' }],
      limit: 7,
    });
    expect(items).toHaveLength(7);
    expect(items.map((item) => item.itemId)).not.toContain(itemId(1));
    expect(unknownItemIds).toEqual(['nobody knows this']);
  });

  it('reads every list and item', async () => {
    expect((await client.popular()).items).toHaveLength(20);
    expect((await client.popular({ limit: 3, attributes: true })).items).toHaveLength(3);
    expect((await client.similar(itemId(2), { limit: 4 })).items).toHaveLength(4);
    expect((await client.item(itemId(2))).itemId).toBe(itemId(2));
    expect((await client.search({ query: itemId(2), limit: 1 })).items[0]?.itemId).toBe(itemId(2));
    expect((await client.release()).items).toBe(300);
  });

  it('rejects with what the worker said was wrong', async () => {
    const refused = await client.recommend({ limit: 0 }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ApiError);
    expect(refused).toMatchObject({ status: 422, problem: { errors: [{ path: 'limit' }] } });
    await expect(client.item('a/b c?')).rejects.toMatchObject({
      status: 404,
      message: expect.stringContaining('a/b c?'),
    });
  });
});

describe('when something is wrong', () => {
  const open: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const server of open.splice(0)) await server[Symbol.asyncDispose]();
  });

  /** A client of a server that meets the n-th request with `answers[n]`, and the last one with all others. */
  async function clientOf(
    answers: RequestListener[],
    options: Partial<ClientOptions> = {},
  ): Promise<{ client: ReturnType<typeof createClient>; asked: () => number }> {
    let asked = 0;
    const server = createServer((request, response) => {
      answers[Math.min(asked++, answers.length - 1)]!(request, response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push({
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { client: createClient({ url, ...options }), asked: () => asked };
  }

  const release: RequestListener = (_request, response) => void response.end('{"releaseId":"0"}');
  const reset: RequestListener = (request) => void request.socket.destroy();
  const truncated: RequestListener = (request, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{"rel');
    setTimeout(() => request.socket.destroy(), 10);
  };
  const refuse =
    (status: number, headers: Record<string, string> = {}): RequestListener =>
    (_request, response) =>
      void response.writeHead(status, headers).end(JSON.stringify({ title: 'no', status }));
  const silent: RequestListener = () => undefined;

  it.each([
    ['a connection reset', reset],
    ['a truncated answer', truncated],
    ['a 503', refuse(503, { 'retry-after': '0' })],
    ['a 429', refuse(429, { 'retry-after': '0' })],
    ['a page of a proxy', (_request, response) => void response.writeHead(502).end('<html>')],
  ] satisfies [string, RequestListener][])('tries again after %s', async (_what, fault) => {
    const { client, asked } = await clientOf([fault, fault, release]);
    expect(await client.release()).toEqual({ releaseId: '0' });
    expect(asked()).toBe(3);
  });

  it('gives up after the retries, and says what the last one met', async () => {
    const { client, asked } = await clientOf([refuse(500)], { retries: 1 });
    await expect(client.release()).rejects.toMatchObject({ status: 500, message: 'no' });
    expect(asked()).toBe(2);
  });

  it.each([400, 404, 422])('does not repeat what would be refused again: %i', async (status) => {
    const { client, asked } = await clientOf([refuse(status)]);
    await expect(client.release()).rejects.toMatchObject({ status });
    expect(asked()).toBe(1);
  });

  it('does not wait for a service that asks for minutes', async () => {
    const { client, asked } = await clientOf([refuse(503, { 'retry-after': '600' })]);
    await expect(client.release()).rejects.toMatchObject({ status: 503 });
    expect(asked()).toBe(1);
  });

  it('gives an attempt up in time', async () => {
    const { client, asked } = await clientOf([silent, release], { timeout: 200 });
    expect(await client.release()).toEqual({ releaseId: '0' });
    expect(asked()).toBe(2);
    const { client: hopeless } = await clientOf([silent], { timeout: 50, retries: 0 });
    await expect(hopeless.release()).rejects.toMatchObject({ status: 0, message: 'no answer within 50 ms' });
  });

  it('ends with the reason of its signal, while it waits for an answer or before the next attempt', async () => {
    for (const fault of [silent, refuse(503, { 'retry-after': '4' })]) {
      const { client, asked } = await clientOf([fault]);
      const reason = new Error('the page was left');
      const controller = new AbortController();
      const ended = client.release(controller.signal).catch((error: unknown) => error);
      while (asked() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      controller.abort(reason);
      expect(await ended).toBe(reason);
      expect(asked()).toBe(1);
    }
  });

  it('sends its headers and the body as JSON', async () => {
    const seen: unknown[] = [];
    const { client } = await clientOf(
      [
        (request, response) => {
          seen.push(request.headers['x-key'], request.headers['content-type']);
          request.pipe(response);
        },
      ],
      { headers: { 'x-key': 'k' } },
    );
    expect(await client.recommend({ history: [{ itemId: 'ü' }] })).toEqual({ history: [{ itemId: 'ü' }] });
    expect(seen).toEqual(['k', 'application/json']);
  });
});

it('imports nothing and stays below 3 KB, minified and compressed', async () => {
  const source = readFileSync(path.resolve(import.meta.dirname, '../../edge/client.ts'), 'utf8');
  const { code } = await transform(source, { loader: 'ts', minify: true });
  expect(code).not.toMatch(/\bimport\b/);
  expect(gzipSync(code).length).toBeLessThan(3 * 1024);
});
