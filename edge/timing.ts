/** Measures the stages of a request. In Cloudflare's production the clock stands still between two I/O operations. */
export interface Stopwatch {
  time<T>(stage: string, work: () => T): T;
  timeAsync<T>(stage: string, work: () => Promise<T>): Promise<T>;
  /** As the header `Server-Timing` has it: `encode;dur=0.42, retrieve;dur=0.11`. */
  header(): string;
}

/** A stopwatch for one request. */
export function stopwatch(): Stopwatch {
  const stages: string[] = [];
  const note = (stage: string, started: number): void => {
    stages.push(`${stage};dur=${(performance.now() - started).toFixed(3)}`);
  };
  return {
    time(stage, work) {
      const started = performance.now();
      const result = work();
      note(stage, started);
      return result;
    },
    async timeAsync(stage, work) {
      const started = performance.now();
      const result = await work();
      note(stage, started);
      return result;
    },
    header: () => stages.join(', '),
  };
}
