import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ConfigError, PerigeeError } from '../shared/errors.ts';
import type { Store } from './store/store.ts';

/**
 * Serves a store's releases on this machine: the worker in workerd (`wrangler dev`), and beside it the store as the
 * HTTP origin that a CDN would be. Both listen on the loopback interface and end with the returned handle.
 */
export interface Served extends AsyncDisposable {
  readonly url: string;
  /** Settles when the worker ends by itself. */
  readonly ended: Promise<unknown>;
}

export interface ServeOptions {
  readonly store: Store;
  readonly channel: string;
  readonly port: number;
  readonly signal: AbortSignal;
  /** The environment that the worker's process gets. */
  readonly environment: NodeJS.ProcessEnv;
}

const root = path.resolve(import.meta.dirname, '..');
const startTimeout = 60_000;

/** @throws ConfigError when the port is taken, PerigeeError's kin when the worker does not come up */
export async function serve(options: ServeOptions): Promise<Served> {
  await assertFree(options.port);
  const origin = await serveStore(options.store);
  // Two workers that share the state of one checkout lock each other's rate limiter.
  const state = await mkdtemp(path.join(tmpdir(), 'perigee-worker-'));
  const worker = startWorker(options, state, `http://127.0.0.1:${(origin.address() as AddressInfo).port}`);
  const dispose = async (): Promise<void> => {
    await worker.stop();
    origin.closeAllConnections();
    origin.close();
    await rm(state, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${options.port}`;
  try {
    await ready(url, worker, options.signal);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { url, ended: worker.ended, [Symbol.asyncDispose]: dispose };
}

/** @throws ConfigError when something listens on the port already */
export async function assertFree(port: number): Promise<void> {
  const probe = createServer();
  try {
    probe.listen(port, '127.0.0.1');
    await once(probe, 'listening');
  } catch (cause) {
    throw new ConfigError(`Port ${port} is in use: choose another with --port.`, { cause });
  } finally {
    probe.close();
  }
}

/** The store over HTTP, read-only, as an origin behind a CDN would show it. */
async function serveStore(store: Store): Promise<Server> {
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

interface Worker {
  readonly ended: Promise<unknown>;
  /** What the process last printed, for a message about its failure. */
  output(): string;
  stop(): Promise<void>;
}

/** Starts `wrangler dev` in a process group of its own, so that stopping it stops workerd too. */
function startWorker({ port, channel, environment }: ServeOptions, state: string, origin: string): Worker {
  const wrangler = path.join(root, 'node_modules/wrangler/bin/wrangler.js');
  const args = [
    'dev',
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--inspector-port',
    '0',
    '--show-interactive-dev-session=false',
  ];
  args.push('--persist-to', state, '--var', `RELEASE_ORIGIN:${origin}`, '--var', `CHANNEL:${channel}`);
  const child = spawn(process.execPath, [wrangler, ...args], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...environment, CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false', CI: 'true' },
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      output += error.message;
      resolve();
    });
  });
  const signalGroup = (signal: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  return {
    ended,
    output: () => output.trim(),
    async stop() {
      signalGroup('SIGTERM');
      const timer = setTimeout(() => signalGroup('SIGKILL'), 3_000);
      await ended;
      clearTimeout(timer);
      signalGroup('SIGKILL');
    },
  };
}

class ServeError extends PerigeeError {}

/** Waits until the worker has a release and says so. */
async function ready(url: string, worker: Worker, signal: AbortSignal): Promise<void> {
  let over = false;
  void worker.ended.then(() => {
    over = true;
  });
  let last = 'no answer';
  const deadline = performance.now() + startTimeout;
  while (performance.now() < deadline) {
    signal.throwIfAborted();
    if (over) throw new ServeError(`The worker ended before it answered. It said:\n${worker.output()}`);
    try {
      const response = await fetch(`${url}/v1/release`, { signal: AbortSignal.timeout(20_000) });
      if (response.ok) return;
      last = `${response.status} ${(await response.text()).slice(0, 500)}`;
    } catch (error) {
      last = (error as Error).message;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new ServeError(
    `The worker did not come up within ${startTimeout / 1_000} s; its last answer: ${last}\n${worker.output()}`,
  );
}
