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

/** What making the remaining batches here must cost for a thread to be tried: some three times what it takes to start one. */
const worthwhileMs = 500;
/** Slower than this many times the steps without it, a thread is given up. */
const tolerance = 1.05;

/**
 * Batches are made here, between the steps, until a thread is ready that makes them during the steps. One is tried where there
 * is more than one core and making the rest here would take longer than half a second, and is given up if the steps
 * turn out slower with it. Which thread made a batch makes no difference to its content.
 */
export function openInput<B extends object>(
  batches: Batches<B>,
  { name, end, thread: wanted }: InputOptions,
): Input<B> {
  const arena = createArena();
  const make = batches.open();
  const making = latestTimes();
  const steps = { here: latestTimes(), thread: latestTimes() };
  let thread: InputThread<B> | undefined;
  let settled = wanted === false || (wanted === undefined && availableParallelism() === 1);
  let last: { readonly by: keyof typeof steps; readonly at: number } | undefined;

  /** Starts a thread when it promises to pay, and ends it when it does not. */
  const choose = async (step: number): Promise<void> => {
    if (settled) return;
    if (!thread) {
      if (wanted || (steps.here.areFull() && making.median() * (end - step) > worthwhileMs))
        thread = startInputThread(batches, end);
    } else if (wanted || steps.thread.areFull()) {
      settled = true;
      if (wanted || steps.thread.median() <= tolerance * steps.here.median()) return;
      await thread[Symbol.asyncDispose]();
      thread = undefined;
    }
  };
  const makeHere = (step: number): B => {
    const before = performance.now();
    arena.reset();
    const batch = make(step, arena);
    making.add(performance.now() - before);
    return batch;
  };
  return {
    async take(step) {
      if (last) steps[last.by].add(performance.now() - last.at);
      await choose(step);
      const by = thread && (wanted || thread.isReady()) ? 'thread' : 'here';
      last = { by, at: performance.now() };
      try {
        return by === 'thread' ? await thread!.take(step) : makeHere(step);
      } catch (cause) {
        const found = cause instanceof Error ? cause.message : String(cause);
        throw new FitError(`${name}: expected a batch for step ${step + 1}, found: ${found}`, { cause });
      }
    },
    [Symbol.asyncDispose]: async () => thread?.[Symbol.asyncDispose](),
  };
}

const timesKept = 15;

/** The latest few of some times, in ms. */
function latestTimes() {
  const times: number[] = [];
  return {
    add(time: number): void {
      if (times.push(time) > timesKept) times.shift();
    },
    areFull: (): boolean => times.length === timesKept,
    median: (): number => times.toSorted((a, b) => a - b)[times.length >> 1]!,
  };
}
