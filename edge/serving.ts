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
  readonly started: number;
  readonly abandon: AbortController;
  /** The release that the channel names, once the pointer was read. */
  wanted: string | undefined;
}

/** Failures in a row of one thing that is tried. */
interface Failures {
  readonly count: number;
  readonly retryAt: number;
}

const pointerLimit = 256 * 1024;
/** The runtime cuts an update off with the request that began it, after 30 s; before that we give it up ourselves. */
const updateTimeout = 25_000;
const shortestRetry = 1_000;
const longestRetry = 300_000;
/** Earlier releases that a cold isolate tries when the channel's own cannot be loaded. */
const fallbacks = 2;

/** Serves the first release of a channel, and moves to another when the channel does. */
export function createServing({ loader, channel, pollInterval }: ServingOptions): Serving {
  let active: Active | undefined;
  let update: { readonly begun: Update; readonly done: Promise<void> } | undefined;
  let nextUpdate = 0;
  /** By release; undefined is the pointer itself. */
  const failures = new Map<string | undefined, Failures>();
  let lastFailure: ReleaseResponse['lastFailure'];

  function noteFailure(releaseId: string | undefined, error: unknown): void {
    const count = (failures.get(releaseId)?.count ?? 0) + 1;
    const retryAt = Date.now() + Math.min(longestRetry, shortestRetry * 2 ** (count - 1));
    failures.set(releaseId, { count, retryAt });
    if (!active) nextUpdate = retryAt;
    lastFailure = {
      ...(releaseId !== undefined && { releaseId }),
      at: new Date().toISOString(),
      reason: publicReason(error),
    };
    console.error('release', releaseId, error);
  }

  async function moveTo(releaseId: string, signal: AbortSignal): Promise<void> {
    const { release, golden } = await loadRelease(loader, releaseId, signal);
    const giveUp = (): void => void release.dispose();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      await replayGolden(release, golden);
      signal.throwIfAborted();
    } catch (error) {
      await release.dispose();
      throw error;
    }
    signal.removeEventListener('abort', giveUp);
    const previous = active;
    active = { release, activatedAt: new Date().toISOString(), uses: 0, retired: false };
    failures.clear();
    if (previous !== undefined) await retire(previous);
  }

  /** Brings this isolate to the release that the channel names. Failures are noted, not thrown. */
  async function bringUpToDate(begun: Update): Promise<void> {
    const { signal } = begun.abandon;
    let earlier: readonly string[] = [];
    try {
      const pointer = await readChannel(loader, channel);
      failures.delete(undefined);
      const wanted = pointer.releases[0]!.releaseId;
      begun.wanted = wanted;
      earlier = pointer.previous.map(({ releaseId }) => releaseId);
      if (wanted !== active?.release.releaseId) {
        if (active && Date.now() < (failures.get(wanted)?.retryAt ?? 0)) return;
        await moveTo(wanted, signal);
      }
      lastFailure = undefined;
    } catch (error) {
      if (!signal.aborted) noteFailure(begun.wanted, error);
    }
    for (const releaseId of earlier.slice(0, fallbacks)) {
      if (active || signal.aborted) return;
      await moveTo(releaseId, signal).catch((error: unknown) => console.error('release', releaseId, error));
    }
  }

  function begin(waitUntil: WaitUntil): Promise<void> {
    const begun: Update = { started: Date.now(), abandon: new AbortController(), wanted: undefined };
    const done = bringUpToDate(begun).then(() => {
      if (update?.begun !== begun) return;
      update = undefined;
      if (active) nextUpdate = Date.now() + pollInterval;
    });
    update = { begun, done };
    waitUntil(done);
    return done;
  }

  /** The update under way, if any. One that takes too long is given up here, and counts as a failure. */
  function underWay(): Promise<void> | undefined {
    if (update === undefined || Date.now() - update.begun.started < updateTimeout) return update?.done;
    const { wanted, abandon } = update.begun;
    update = undefined;
    const what = wanted === undefined ? channelKey(channel) : `release ${wanted}`;
    noteFailure(wanted, new ReleaseError(`${what}: expected to be loaded within ${updateTimeout / 1_000} s`));
    abandon.abort();
    return undefined;
  }

  /** @throws HttpProblem 503 when there is no release afterwards */
  async function firstRelease(waitUntil: WaitUntil): Promise<void> {
    let current = underWay();
    if (current === undefined && Date.now() >= nextUpdate) current = begin(waitUntil);
    if (current !== undefined) await orTimeout(current, updateTimeout);
    if (active !== undefined) return;
    const seconds = Math.max(1, Math.ceil((nextUpdate - Date.now()) / 1_000));
    throw unavailable(lastFailure?.reason ?? 'a release is being loaded', seconds);
  }

  return {
    async use(waitUntil, work) {
      if (active === undefined) await firstRelease(waitUntil);
      const current = active as Active;
      if (underWay() === undefined && Date.now() >= nextUpdate) void begin(waitUntil);
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

/** Lets go of a release when its last request is answered. What it gives back is no request's business. */
async function retire(old: Active): Promise<void> {
  old.retired = true;
  if (old.uses > 0) return;
  try {
    await old.release.dispose();
  } catch (error) {
    console.error('release', old.release.releaseId, error);
  }
}

/** What the public may read of a failure: our own errors name keys and sizes, others perhaps addresses. */
const publicReason = (error: unknown): string =>
  error instanceof ReleaseError ? error.message : 'an unexpected error; it was logged';

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
