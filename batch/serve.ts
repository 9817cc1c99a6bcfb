import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ConfigError, PerigeeError } from '../shared/errors.ts';
import { serveStore } from './store/origin.ts';
import type { Store } from './store/store.ts';
import { startWorker, type WorkerOptions, type WorkerProcess } from './worker-process.ts';

/**
 * Serves a store's releases on this machine: the worker in workerd (`wrangler dev`), and beside it the store as the
 * HTTP origin that a CDN would be. Both listen on the loopback interface and end with the returned handle.
 */
export interface Served extends AsyncDisposable {
  readonly url: string;
  /** Settles when the worker ends by itself. */
  readonly ended: Promise<unknown>;
}

export interface ServeOptions extends WorkerOptions {
  readonly store: Store;
  readonly signal: AbortSignal;
}

const startTimeout = 60_000;

/** @throws ConfigError when the port is taken, PerigeeError's kin when the worker does not come up */
export async function serve(options: ServeOptions): Promise<Served> {
  await assertFree(options.port);
  await using resources = new AsyncDisposableStack();
  const origin = await serveStore(options.store);
  resources.defer(() => {
    origin.closeAllConnections();
    origin.close();
  });
  // Two workers that share the state of one checkout lock each other's rate limiter.
  const state = await mkdtemp(path.join(tmpdir(), 'perigee-worker-'));
  resources.defer(() => rm(state, { recursive: true, force: true }));
  const worker = startWorker(options, state, `http://127.0.0.1:${(origin.address() as AddressInfo).port}`);
  resources.defer(() => worker.stop());
  const url = `http://127.0.0.1:${options.port}`;
  await ready(url, worker, options.signal);
  const running = resources.move();
  return { url, ended: worker.ended, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** @throws ConfigError when something listens on the port already */
export async function assertFree(port: number): Promise<void> {
  const probe = createServer();
  try {
    probe.listen(port, '127.0.0.1');
    await once(probe, 'listening');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === 'EADDRINUSE' ? 'is in use' : `cannot be used (${message})`;
    throw new ConfigError(`Port ${port} ${reason}: choose another with --port.`, { cause });
  } finally {
    probe.close();
  }
}

class ServeError extends PerigeeError {}

/** Waits until the worker has a release and says so. */
async function ready(url: string, worker: WorkerProcess, signal: AbortSignal): Promise<void> {
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
      const response = await fetch(`${url}/v1/release`, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(20_000)]),
      });
      signal.throwIfAborted();
      if (response.ok) return;
      last = `${response.status} ${(await response.text()).slice(0, 500)}`;
    } catch (error) {
      signal.throwIfAborted();
      last = (error as Error).message;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new ServeError(
    `The worker did not come up within ${startTimeout / 1_000} s; its last answer: ${last}\n${worker.output()}`,
  );
}
