import { availableParallelism } from 'node:os';
import { FitError } from '../../shared/errors.ts';
import type { Batches } from './batches.ts';
import { type InputThread, startInputThread } from './input-thread.ts';
import { createArena } from './shared-memory.ts';

/** A training's batches, in the order of its steps. */
export interface Input<B extends object> extends AsyncDisposable {
  /**
   * The batch of a step. It stays as it is until the next call.
   * @throws FitError when it cannot be made, with the cause
   */
  take(step: number): Promise<B>;
}

export interface InputOptions {
  readonly name: string;
  /** The first step that will not be asked for. */
  readonly end: number;
  /** Whether another thread makes the batches. Left out: whether that pays. */
  readonly thread?: boolean;
}

/** Batches that are made here before another thread is thought of: the first ones are slow. */
const [slowBatches, timedBatches] = [5, 10];
/** What making the rest must cost here for a thread to pay: some three times what it takes to start one. */
const worthwhileMs = 500;

/**
 * Batches are made here, between the steps, until a thread is ready that makes them during the steps. One is started where there is
 * more than one core and making the remaining batches here would hold the trainer up for longer than half a second. Which thread made a
 * batch makes no difference to its content.
 */
export function openInput<B extends object>(
  batches: Batches<B>,
  { name, end, thread: wanted }: InputOptions,
): Input<B> {
  const arena = createArena();
  const make = batches.open();
  let thread: InputThread<B> | undefined;
  let made = 0;
  let spent = 0;
  const pays = (step: number): boolean =>
    wanted ??
    (availableParallelism() > 1 &&
      made >= slowBatches + timedBatches &&
      (spent / (made - slowBatches)) * (end - step) > worthwhileMs);
  const makeHere = (step: number): B => {
    const started = performance.now();
    arena.reset();
    const batch = make(step, arena);
    if (++made > slowBatches) spent += performance.now() - started;
    return batch;
  };
  return {
    async take(step) {
      if (!thread && pays(step)) thread = startInputThread(batches, end);
      try {
        return thread && (thread.isReady() || wanted) ? await thread.take(step) : makeHere(step);
      } catch (cause) {
        const found = cause instanceof Error ? cause.message : String(cause);
        throw new FitError(`${name}: expected a batch for step ${step + 1}, found: ${found}`, { cause });
      }
    },
    [Symbol.asyncDispose]: async () => thread?.[Symbol.asyncDispose](),
  };
}
