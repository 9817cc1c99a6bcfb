import type { ReleaseResponse } from '../shared/api.ts';
import { ReleaseError } from '../shared/errors.ts';
import { Channel, channelKey } from '../shared/release.ts';
import { readSmall } from './download.ts';
import { replayGolden } from './golden.ts';
import { type Loader, loadRelease, parseJson } from './load-release.ts';
import { unavailable } from './problems.ts';
import type { Release, Serving, WaitUntil } from './release.ts';

/** What {@link createServing} needs. */
export interface ServingOptions {
  readonly loader: Loader;
  readonly channel: string;
  /** Milliseconds between two looks at the channel pointer. */
  readonly pollInterval: number;
}

interface Active {
  readonly release: Release;
  readonly activatedAt: string;
  uses: number;
  retired: boolean;
}

interface Update {
  readonly done: Promise<void>;
  readonly started: number;
  readonly abandon: AbortController;
}

const pointerLimit = 256 * 1024;
/** An update that takes longer was cut off with the request that began it; the next request begins anew. */
const updateTimeout = 25_000;
const shortestRetry = 1_000;
const longestRetry = 300_000;
/** Earlier releases that a cold isolate tries when the channel's own cannot be loaded. */
const fallbacks = 2;

/** Serves the first release of a channel, and moves to another when the channel does. */
export function createServing({ loader, channel, pollInterval }: ServingOptions): Serving {
  let active: Active | undefined;
  let update: Update | undefined;
  let nextUpdate = 0;
  /** Failures in a row to load `failed.releaseId`, or to read the pointer. */
  let failed:
    | { readonly releaseId: string | undefined; readonly count: number; readonly retryAt: number }
    | undefined;
  let lastFailure: ReleaseResponse['lastFailure'];

  function noteFailure(releaseId: string | undefined, error: unknown): void {
    const count = failed?.releaseId === releaseId ? (failed?.count ?? 0) + 1 : 1;
    const retryAt = Date.now() + Math.min(longestRetry, shortestRetry * 2 ** (count - 1));
    failed = { releaseId, count, retryAt };
    lastFailure = {
      ...(releaseId !== undefined && { releaseId }),
      at: new Date().toISOString(),
      reason: error instanceof Error ? error.message : String(error),
    };
    console.error('release', releaseId, error);
  }

  async function moveTo(releaseId: string, signal: AbortSignal): Promise<void> {
    const release = await loadRelease(loader, releaseId, signal);
    try {
      await replayGolden(release);
      signal.throwIfAborted();
    } catch (error) {
      await release.dispose();
      throw error;
    }
    const previous = active;
    active = { release, activatedAt: new Date().toISOString(), uses: 0, retired: false };
    if (previous !== undefined) await retire(previous);
  }

  /** Brings this isolate to the release that the channel names. Failures are noted, not thrown. */
  async function bringUpToDate(signal: AbortSignal): Promise<void> {
    let wanted: string | undefined;
    let earlier: readonly string[] = [];
    try {
      const pointer = await readChannel(loader, channel);
      wanted = pointer.releases[0]!.releaseId;
      earlier = pointer.previous.map(({ releaseId }) => releaseId);
      if (wanted !== active?.release.releaseId) {
        if (active && failed?.releaseId === wanted && Date.now() < failed.retryAt) return;
        await moveTo(wanted, signal);
      }
      failed = undefined;
      lastFailure = undefined;
    } catch (error) {
      if (!signal.aborted) noteFailure(wanted, error);
    }
    for (const releaseId of earlier.slice(0, fallbacks)) {
      if (active || signal.aborted) return;
      await moveTo(releaseId, signal).catch((error: unknown) => console.error('release', releaseId, error));
    }
  }

  function begin(waitUntil: WaitUntil): Update {
    update?.abandon.abort();
    const abandon = new AbortController();
    const begun: Update = {
      started: Date.now(),
      abandon,
      done: bringUpToDate(abandon.signal).then(() => {
        if (update !== begun) return;
        update = undefined;
        nextUpdate = active ? Date.now() + pollInterval : (failed?.retryAt ?? 0);
      }),
    };
    update = begun;
    waitUntil(begun.done);
    return begun;
  }

  const underWay = (): Update | undefined =>
    update && Date.now() - update.started < updateTimeout ? update : undefined;

  /** @throws HttpProblem 503 when there is no release afterwards */
  async function firstRelease(waitUntil: WaitUntil): Promise<void> {
    let current = underWay();
    if (current === undefined && Date.now() >= nextUpdate) current = begin(waitUntil);
    if (current !== undefined) await orTimeout(current.done, updateTimeout);
    if (active !== undefined) return;
    const seconds = Math.max(1, Math.ceil((nextUpdate - Date.now()) / 1_000));
    throw unavailable(lastFailure?.reason ?? 'a release is being loaded', seconds);
  }

  return {
    async use(waitUntil, work) {
      if (active === undefined) await firstRelease(waitUntil);
      const current = active as Active;
      if (Date.now() >= nextUpdate && underWay() === undefined) begin(waitUntil);
      current.uses += 1;
      try {
        return await work(current.release, { activatedAt: current.activatedAt, lastFailure });
      } finally {
        current.uses -= 1;
        if (current.retired) await retire(current);
      }
    },
  };
}

/** Lets go of a release when its last request is answered. */
async function retire(old: Active): Promise<void> {
  old.retired = true;
  if (old.uses === 0) await old.release.dispose();
}

async function readChannel({ source }: Loader, channel: string): Promise<Channel> {
  const key = channelKey(channel);
  const bytes = await readSmall(source, key, pointerLimit, { mutable: true });
  if (bytes === undefined) {
    throw new ReleaseError(`${key}: expected a channel pointer, ${source.description} has none`);
  }
  return parseJson(Channel, bytes, key);
}

/** Waits for another request's work; the timer is this request's own, so that it ends when the other was cut off. */
async function orTimeout(work: Promise<void>, milliseconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}
