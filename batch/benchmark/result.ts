import type { Measurement } from './measure.ts';
import type { JudgedGoal, Published } from './protocol.ts';

/** A benchmark's outcome: what the JSON holds and the page shows. */
export interface BenchmarkResult extends Measurement {
  readonly format: 1;
  /** The protocol's name; `protocol` says it in words. */
  readonly name: string;
  /** What is recommended, as the config calls it. */
  readonly title: string;
  readonly goals: readonly JudgedGoal[];
  readonly published: readonly Published[];
  /** The models' seeds, and that of the split. */
  readonly seeds: readonly number[];
  readonly splitSeed: number;
  /** Rows read, events kept, users, items; and sha256 of the prepared data. */
  readonly data: string;
  readonly fingerprint: string;
  readonly backend: string;
  readonly machine: string;
  readonly codeVersion: string;
  /** ISO 8601, UTC. */
  readonly finishedAt: string;
}
