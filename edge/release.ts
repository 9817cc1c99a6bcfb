import type { ReleaseResponse } from '../shared/api.ts';
import type { Manifest } from '../shared/release.ts';
import type { Encoder } from './encode.ts';
import type { Kernel } from './kernel/kernel.ts';
import type { Placed } from './placement.ts';
import type { Ranker } from './rank.ts';
import type { Budget } from './rank-budget.ts';

/** A release in memory: what the request path needs of it. */
export interface Release {
  readonly releaseId: string;
  readonly manifest: Manifest;
  readonly kernel: Kernel;
  /** Absent where the artifact has none. */
  readonly encoder: Encoder | undefined;
  /** Absent where the release has none; and what it may cost. */
  readonly ranker: { readonly network: Ranker; readonly budget: Budget } | undefined;
  /**
   * Where everything lies. Valid until the next await: memory may grow or move between two steps of a request, so each
   * step asks anew. Costs nothing while nothing moved.
   */
  placed(): Placed;
  /** Gives memory and networks back, once; whoever still uses the release then reads another's bytes. */
  dispose(): Promise<void>;
}

/** How the serving release came to serve; for `/v1/release`. */
export interface ServingState {
  readonly activatedAt: string;
  readonly lastFailure: ReleaseResponse['lastFailure'];
}

/** Which release answers, in this isolate. */
export interface Serving {
  /**
   * Runs `work` on the release now serving, which stays whole until the work ends; `work` awaits nothing but its own
   * computation. A cold isolate loads a release first; a warm one looks, outside the request's way, whether the channel
   * names another.
   * @throws HttpProblem 503 when no release can be loaded
   */
  use<T>(waitUntil: WaitUntil, work: (release: Release, state: ServingState) => Promise<T> | T): Promise<T>;
}

/** Keeps something alive after its request was answered. */
export type WaitUntil = (work: Promise<unknown>) => void;
