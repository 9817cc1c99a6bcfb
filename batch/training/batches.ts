import type { Arena } from './shared-memory.ts';

/**
 * Makes the batch of a step (from 0): typed arrays that it lays in the arena, in an object of any shape that can be sent to
 * another thread. Everything random in it must follow from the problem and the step's number alone.
 */
export type MakeBatch<B extends object> = (step: number, arena: Arena) => B;

/** A task's batches, which this thread or another may make. */
export interface Batches<B extends object> {
  /** URL of the module whose export `batches` this is made by. */
  readonly module: string;
  /** What every batch is made from; can be sent to another thread. Columns in shared memory are not copied there. */
  readonly problem: unknown;
  open(): MakeBatch<B>;
}

/**
 * For a module that makes a model's batches: `export const batches = defineBatches(import.meta.url, open)`. Another thread
 * imports that module, so that it had better not import TensorFlow. `open` may keep what several steps need.
 */
export const defineBatches =
  <Problem, B extends object>(module: string, open: (problem: Problem) => MakeBatch<B>) =>
  (problem: Problem): Batches<B> => ({ module, problem, open: () => open(problem) });
