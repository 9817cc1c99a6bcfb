/** Whether something may run, by what it cost lately. */
export interface Budget {
  /** False while the mean cost is above the limit, but for one request in {@link retryEvery}. */
  allows(): boolean;
  /** What a run has cost. */
  note(milliseconds: number): void;
}

/** Share of the newest run in the mean: a single slow run in a warm isolate changes little. */
const newest = 1 / 8;

/** Requests from one attempt to the next while the limit is exceeded. */
export const retryEvery = 50;

/**
 * A budget of `limit` milliseconds a run. A computation cannot be cut short in an isolate, which has one thread; so the mean
 * of past costs, exponentially weighted, decides about the next. Where the clock stands still while code computes (Cloudflare's
 * production), costs read 0 and everything is allowed.
 */
export function createBudget(limit: number): Budget {
  let mean = 0;
  let skipped = 0;
  return {
    allows() {
      if (mean <= limit) return true;
      skipped = (skipped + 1) % retryEvery;
      return skipped === 0;
    },
    note(milliseconds) {
      // What was skipped for a while is judged by how it does now.
      mean = mean > limit ? milliseconds : mean + newest * (milliseconds - mean);
    },
  };
}
