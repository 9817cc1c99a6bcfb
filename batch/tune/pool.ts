import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { FitError, PerigeeError } from '../../shared/errors.ts';
import type { Assignment, FromWorker, Result, Task } from './messages.ts';

class WorkerError extends PerigeeError {}

/** Processes that fit models, as many at once as the pool is large. */
export interface Pool extends AsyncDisposable {
  /**
   * Waits for a free process, and for what it finds.
   * @throws FitError when the model cannot be fitted with these options; the signal's reason when that is aborted
   */
  run(task: Task, progress: (fraction: number) => void): Promise<Result>;
}

interface PoolOptions {
  readonly size: number;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

const worker = path.join(import.meta.dirname, 'worker.ts');

/** Milliseconds that a process is given to keep its state. */
const grace = 10_000;

/** Processes start when they are first needed, and end with the pool. */
export function openPool(assignment: Assignment, { size, environment, signal }: PoolOptions): Pool {
  const processes: ChildProcess[] = [];
  const said = new Map<ChildProcess, string>();
  const free: ChildProcess[] = [];
  const waiting: (() => void)[] = [];
  const threads = String(Math.max(1, Math.floor(availableParallelism() / size)));
  const start = (): ChildProcess => {
    const child = fork(worker, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { OMP_NUM_THREADS: threads, TF_NUM_INTRAOP_THREADS: threads, ...environment },
    });
    processes.push(child);
    child.stderr!.on('data', (chunk: Buffer) =>
      said.set(child, ((said.get(child) ?? '') + chunk).slice(-2_000)),
    );
    // A message to a process that has just ended: its end is reported, and that is heard.
    child.on('error', () => {});
    child.send(assignment);
    return child;
  };
  const take = async (): Promise<ChildProcess> => {
    for (;;) {
      signal.throwIfAborted();
      const child = free.pop();
      if (child !== undefined && isAlive(child)) return child;
      if (child === undefined && processes.filter(isAlive).length < size) return start();
      if (child === undefined) await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  const wakeAll = (): void => {
    for (const wake of waiting.splice(0)) wake();
  };
  signal.addEventListener('abort', wakeAll, { once: true });
  return {
    async run(task, progress) {
      const child = await take();
      try {
        return await perform({ child, said: () => said.get(child) ?? '' }, task, progress, signal);
      } finally {
        free.push(child);
        wakeAll();
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(processes.map(stop));
    },
  };
}

const isAlive = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null;

/** Hands a task to a process and waits for its answer, its end or the signal. */
async function perform(
  { child, said }: { readonly child: ChildProcess; readonly said: () => string },
  task: Task,
  progress: (fraction: number) => void,
  signal: AbortSignal,
): Promise<Result> {
  using listeners = new DisposableStack();
  return await new Promise((resolve, reject) => {
    const on = <Args extends unknown[]>(event: string, listener: (...args: Args) => void): void => {
      child.on(event, listener as (...args: unknown[]) => void);
      listeners.defer(() => child.off(event, listener as (...args: unknown[]) => void));
    };
    on('message', (message: FromWorker) => {
      if (message.kind === 'progress') progress(message.fraction);
      else if (message.kind === 'result') resolve(message.result);
      else if (message.kind === 'unfit') reject(new FitError(message.message));
      else reject(new WorkerError(`a trial of ${task.model} failed: ${message.message}`));
    });
    on('exit', (code: number | null, by: string | null) => {
      const memory = by === 'SIGKILL' ? ': perhaps it ran out of memory; fewer --processes need less' : '';
      reject(
        new WorkerError(`a trial's process ended with ${by ?? code} before it answered${memory}\n${said()}`),
      );
    });
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    listeners.defer(() => signal.removeEventListener('abort', abort));
    child.send(task);
  });
}

/** Lets a process keep the state of its fit; after that it is ended. */
async function stop(child: ChildProcess): Promise<void> {
  if (!isAlive(child)) return;
  const exited = once(child, 'exit');
  if (child.connected) child.send({ kind: 'stop' });
  const timer = setTimeout(() => child.kill('SIGKILL'), grace);
  await exited;
  clearTimeout(timer);
}
