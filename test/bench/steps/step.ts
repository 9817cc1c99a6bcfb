import * as tf from '@tensorflow/tfjs-core';
import { takeStep } from '../../../batch/training/loop.ts';

/** A training step that can be taken again and again on the backend that is open. */
export interface BenchedStep extends Disposable {
  /** Examples of a step, on average. */
  readonly examples: number;
  /** Takes step `number`, from 0: input, loss, gradients, optimiser. Returns the loss. */
  take(number: number): number;
}

/** The step of the training loop itself. `batchOf` makes what the task's loss is given, if it is given anything. */
export const benchedStep = <B extends object>(
  examples: number,
  task: Parameters<typeof takeStep<B>>[0],
  batchOf: (number: number) => B,
): BenchedStep => ({
  examples,
  take: (number) => takeStep(task, number, batchOf(number)),
  [Symbol.dispose]() {
    task.optimiser[Symbol.dispose]();
    tf.dispose(task.parameters);
  },
});
