import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Store } from './store.ts';

/** The store over HTTP, read-only, as an origin behind a CDN would show it. */
export async function serveStore(store: Store): Promise<Server> {
  const server = createServer((request, response) => {
    answer(store, request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function answer(
  store: Store,
  { url = '/', headers }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const key = decodeURIComponent(new URL(url, 'http://localhost').pathname.slice(1));
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  const range =
    from === undefined ? undefined : { offset: Number(from), length: Number(to) - Number(from) + 1 };
  const found = key === '' ? undefined : await store.get(key, range);
  if (found === undefined) {
    response.writeHead(404).end();
    return;
  }
  const { body, etag } = found;
  response.writeHead(range === undefined ? 200 : 206, {
    etag: `"${etag.replaceAll('"', '')}"`,
    'content-length': body.length,
    ...(range && { 'content-range': `bytes ${range.offset}-${range.offset + body.length - 1}/*` }),
  });
  response.end(body);
}
