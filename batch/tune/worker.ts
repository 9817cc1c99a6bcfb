import { FitError } from '../../shared/errors.ts';
import { openBackend } from '../backend/index.ts';
import { openCache } from '../cache.ts';
import { type DevelopmentData, prepareData } from '../data/prepare.ts';
import { primaryOf } from '../evaluate/evaluation.ts';
import { type FitContext, fitOnce, parseOptions } from '../fit.ts';
import { recommenders } from '../models/index.ts';
import type { Reporter, Stage } from '../progress.ts';
import { openStore } from '../store/index.ts';
import type { Assignment, FromWorker, Result, Task, ToWorker } from './messages.ts';

/**
 * A process that fits one model after another, as the process that started it says over their channel, and ends with it, keeping the
 * state of the fit at hand. An interrupt from the terminal reaches both; it is the other's to answer.
 */
interface Work {
  readonly assignment: Assignment;
  readonly data: DevelopmentData;
  readonly context: FitContext;
}

const controller = new AbortController();
const send = (message: FromWorker): void => {
  if (process.connected) process.send!(message);
};

const quietStage: Stage = { progress: () => {}, note: () => {} };
const quiet: Reporter = { line: () => {}, stage: (_, work) => work(quietStage) };

/** Reads back what the starting process has prepared, and opens its backend. */
async function begin(assignment: Assignment): Promise<Work> {
  const { config, baseDirectory, configDirectory, cacheDirectory, backend } = assignment;
  await openBackend(backend);
  const { signal } = controller;
  const cache = await openCache(cacheDirectory);
  const data = await prepareData(config, undefined, {
    baseDirectory,
    cache,
    openBucket: (address) => openStore(address, { baseDirectory: configDirectory, environment: process.env }),
    reporter: quiet,
    signal,
  });
  return { assignment, data, context: { cache, backend, signal } };
}

async function perform({ model, options }: Task, { assignment, data, context }: Work): Promise<Result> {
  const recommender = recommenders.find(({ name }) => name === model)!;
  const stage = { ...quietStage, progress: throttled((fraction) => send({ kind: 'progress', fraction })) };
  const entrant = { recommender, options: parseOptions(recommender, options) };
  const { value, reused } = await fitOnce(entrant, assignment.config, data, context, stage);
  const { validation } = value;
  return { figure: primaryOf(validation), perQuery: validation.perQuery[validation.primary]!, reused };
}

/** Lets a call through every half second. */
function throttled(report: (fraction: number) => void): Stage['progress'] {
  let last = 0;
  return (_, fraction) => {
    if (performance.now() - last < 500) return;
    last = performance.now();
    report(fraction);
  };
}

function failure(error: unknown): FromWorker {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return error instanceof FitError
    ? { kind: 'unfit', message }
    : { kind: 'error', message: stack ?? message };
}

let work: Promise<Work> | undefined;
let busy = false;

/** One task at a time: the next comes after the answer to the last. */
async function receive(message: ToWorker): Promise<void> {
  if (message.kind === 'stop') return end();
  if (message.kind === 'assignment') {
    work = begin(message);
    work.catch(() => {});
    return;
  }
  busy = true;
  try {
    send({ kind: 'result', result: await perform(message, await work!) });
  } catch (error) {
    if (controller.signal.aborted) process.exit();
    send(failure(error));
  }
  busy = false;
}

/** A fit at hand keeps its state when it sees the signal, and ends the process then. */
function end(): void {
  if (!busy) process.exit();
  controller.abort(new DOMException('stopped', 'AbortError'));
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {});
process.on('message', (message: ToWorker) => void receive(message));
process.on('disconnect', end);
