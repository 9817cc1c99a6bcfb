import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Batches } from './batches.ts';

/** What the thread is started with. */
export interface Question {
  readonly module: string;
  readonly problem: unknown;
  readonly slots: number;
  /** On which it is sent steps, and answers. */
  readonly port: MessagePort;
}

/** What it says: that it is ready, and then one answer for each step that it is sent. */
export type Answer = 'ready' | Made;
type Made =
  | { readonly step: number; readonly batch: object }
  | { readonly step: number; readonly error: unknown };

/** Batches that are made while the trainer is busy with an earlier one. */
const ahead = 3;

/** A thread that makes batches some steps ahead of the trainer, each into one of `ahead` + 1 places in shared memory. */
export interface InputThread<B extends object> extends AsyncDisposable {
  isReady(): boolean;
  /**
   * The batch of a step; each call asks for the step after the last call's. It stays as it is until the next call.
   * @throws what making it threw, or what ended the thread
   */
  take(step: number): Promise<B>;
}

/** @param end the first step that will not be asked for */
export function startInputThread<B extends object>(
  { module, problem }: Batches<B>,
  end: number,
): InputThread<B> {
  const { port1: port, port2 } = new MessageChannel();
  const workerData: Question = { module, problem, slots: ahead + 1, port: port2 };
  const worker = new Worker(new URL('./input-worker.ts', import.meta.url), {
    workerData,
    transferList: [port2],
    name: 'input',
  });
  const arrived = new Map<number, Made>();
  let ready = false;
  let requested: number | undefined;
  let failure: { readonly cause: unknown } | undefined;
  let wake = (): void => {};

  const receive = (answer: Answer): void => {
    if (answer === 'ready') ready = true;
    else arrived.set(answer.step, answer);
    wake();
  };
  port.on('message', receive);
  const fail = (cause: unknown): void => {
    failure ??= { cause };
    ready = true;
    wake();
  };
  worker.once('error', fail);
  port.once('messageerror', fail);
  worker.once('exit', (code) => fail(new Error(`the input thread ended with exit status ${code}`)));

  return {
    isReady: () => ready,
    async take(step) {
      requested ??= step;
      // What has come while the trainer was busy, without a turn of the event loop.
      for (let found = receiveMessageOnPort(port); found; found = receiveMessageOnPort(port))
        receive(found.message);
      // The step before this one is done with, so that its place is free.
      for (; requested < Math.min(step + ahead + 1, end); requested++) port.postMessage(requested);
      while (!arrived.has(step) && !failure)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      const made = arrived.get(step);
      arrived.delete(step);
      if (made === undefined) throw failure!.cause;
      if ('error' in made) throw made.error;
      return made.batch as B;
    },
    async [Symbol.asyncDispose]() {
      port.close();
      await worker.terminate();
    },
  };
}
