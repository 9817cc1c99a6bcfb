import * as tf from '@tensorflow/tfjs-core';
import type { Batches } from '../../../batch/training/batches.ts';
import { type Task, takeStep } from '../../../batch/training/loop.ts';
import { createArena } from '../../../batch/training/shared-memory.ts';

/** A training step that can be taken again and again on the backend that is open. */
export interface BenchedStep<B extends object = object> extends Disposable {
  /** Examples of a step, on average. */
  readonly examples: number;
  readonly batches: Batches<B>;
  /** Takes step `number`, from 0: loss, gradients, optimiser, and the input unless it is given. Returns the loss. */
  take(number: number, batch?: B): number;
}

/** The step of the training loop itself. */
export function benchedStep<B extends object>(
  examples: number,
  task: Pick<Task<B>, 'name' | 'parameters' | 'optimiser' | 'loss' | 'rows'>,
  batches: Batches<B>,
): BenchedStep<B> {
  const make = batches.open();
  const arena = createArena();
  const batchOf = (number: number): B => {
    arena.reset();
    return make(number, arena);
  };
  return {
    examples,
    batches,
    take: (number, batch) => takeStep(task, number, batch ?? batchOf(number)),
    [Symbol.dispose]() {
      task.optimiser[Symbol.dispose]();
      tf.dispose(task.parameters);
    },
  };
}
