import { setTimeout as sleep } from 'node:timers/promises';

/** How often something is tried that the SDK does not repeat by itself. */
export const attempts = 4;

/**
 * Waits before trying again what failed for the n-th time (from 0): a random time, so that clients that failed together
 * do not come back together ("full jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
 */
export const pause = (n: number, signal?: AbortSignal): Promise<void> =>
  sleep(Math.random() * Math.min(5_000, 100 * 2 ** n), undefined, signal ? { signal } : {});

/** Tries {@link attempts} times, as long as what it throws is `passing`. */
export async function persistently<T>(
  passing: (error: unknown) => boolean,
  action: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let n = 0; ; n++) {
    try {
      return await action();
    } catch (error) {
      if (n + 1 === attempts || !passing(error)) throw error;
      await pause(n, signal);
    }
  }
}
