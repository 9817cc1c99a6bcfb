import * as tf from '@tensorflow/tfjs-core';
import { FitError } from '../../shared/errors.ts';
import type { Model, Run } from '../recommender.ts';
import type { Batches } from './batches.ts';
import { type Input, openInput } from './input.ts';
import { assign, openState, type Progress, saveState, type TrainingState } from './loop-state.ts';
import type { Optimiser, Parameters, TableRows } from './optimiser.ts';

/** Something to train: everything random in it must follow from the seed and the step's number alone. */
export interface Task<B extends object = object> {
  readonly name: string;
  /** Names the data and options, so that another task's checkpoint is not taken for its own. */
  readonly identity: string;
  readonly parameters: Parameters;
  readonly optimiser: Optimiser;
  readonly stepsPerEpoch: number;
  /** Makes what `loss` is given, ahead of the steps; a task without them makes its own batches in `loss`. */
  readonly batches?: Batches<B>;
  /** The only rows that a batch reads of some tables, which are then trained by rows: names and rows. */
  rows?(batch: B): TableRows | undefined;
  /** Mean loss of the batch of this step (from 0). Tables in `rows` are given as those rows alone. */
  loss(step: number, batch: B, parameters: Parameters): tf.Scalar;
  /** Scores with the parameters as they stand: what `run.validate` measures. */
  readonly score?: Model['score'];
  /** Of a task that measures itself, its parameters as they stand: higher is better. */
  validate?(): Promise<number>;
}

/** What a training needs of what surrounds a fit. */
export type LoopRun = Omit<Run, 'targets'>;

export interface LoopOptions {
  readonly maximumEpochs: number;
  /** Validations in an epoch. */
  readonly validationsPerEpoch: number;
  /** Validations without a new best after which training ends. */
  readonly patience: number;
}

/** Steps between two chances for the process's signals and timers, and between two checkpoints at most. */
const stepsBetweenPauses = 10;
const stepsBetweenSaves = 500;

/**
 * Trains until `maximumEpochs`, or with validation until `patience` validations in a row brought no new best, and leaves the
 * parameters at their best. State is kept in `run.checkpoints` at every validation, every 500 steps and on abort; a training that finds
 * its own state there goes on from it and ends with the same bytes as one that was never interrupted.
 * @returns epochs (possibly a fraction) after which the parameters were what they now are
 * @throws FitError when the loss is no longer finite; the signal's reason when aborted
 */
export async function train<B extends object>(
  task: Task<B>,
  options: LoopOptions,
  run: LoopRun,
): Promise<number> {
  const total = Math.round(options.maximumEpochs * task.stepsPerEpoch);
  const interval = Math.max(1, Math.round(task.stepsPerEpoch / options.validationsPerEpoch));
  const state = await openState(task, run);
  const { progress, best } = state;
  await using input = task.batches && openInput(task.batches, { name: task.name, end: total });
  const clock: Clock = { waiting: 0, stepping: 0 };
  if (state.isNew) await validateState(task, state, run);
  while (progress.step < total && progress.sinceBest < options.patience) {
    await pause(task, state, run);
    const loss = await timedStep(task, progress.step, input, clock);
    progress.step++;
    progress.loss.sum += loss;
    progress.loss.count++;
    const due = progress.step % interval === 0 || progress.step === total;
    if (due) await checkUp(task, state, run, input && clock);
    if (due || progress.step % stepsBetweenSaves === 0) await saveState(task, state, run);
    if (due || progress.step % stepsBetweenPauses === 0)
      run.progress(describe(task, progress), progress.step / total);
  }
  task.optimiser.settle(progress.step);
  if (progress.best === undefined) return progress.step / task.stepsPerEpoch;
  for (const [name, values] of best) assign(task.parameters[name]!, values);
  return progress.best.step / task.stepsPerEpoch;
}

/** Lets the process's signals and timers in now and then; a run that was aborted keeps its state and ends. */
async function pause(task: Task, state: TrainingState, run: LoopRun): Promise<void> {
  if (state.progress.step % stepsBetweenPauses === 0) await new Promise((resolve) => setImmediate(resolve));
  if (!run.signal.aborted) return;
  await saveState(task, state, run);
  run.signal.throwIfAborted();
}

/** Milliseconds since the last check-up. */
interface Clock {
  waiting: number;
  stepping: number;
}

/** Takes a step; the clock tells waiting for its batch from working on it. */
async function timedStep<B extends object>(
  task: Task<B>,
  step: number,
  input: Input<B> | undefined,
  clock: Clock,
): Promise<number> {
  const started = performance.now();
  const batch = (await input?.take(step)) as B;
  const given = performance.now();
  const loss = takeStep(task, step, batch);
  clock.waiting += given - started;
  clock.stepping += performance.now() - given;
  return loss;
}

/** The curve of `clock` is no part of the state, since it differs from run to run. */
async function checkUp(
  task: Task,
  state: TrainingState,
  run: LoopRun,
  clock: Clock | undefined,
): Promise<void> {
  const { progress } = state;
  if (clock) {
    const { waiting, stepping } = clock;
    run.curve('waiting for input, %', progress.step, (100 * waiting) / (waiting + stepping));
    Object.assign(clock, { waiting: 0, stepping: 0 });
  }
  addPoint(progress, run, 'loss', progress.loss.sum / progress.loss.count);
  progress.loss = { sum: 0, count: 0 };
  await validateState(task, state, run);
}

/** Measures the parameters as they stand, and keeps a copy if they are the best so far. */
async function validateState(task: Task, { progress, best }: TrainingState, run: LoopRun): Promise<void> {
  const measure = task.validate ?? (run.validate && task.score && (() => run.validate!(task.score!)));
  if (measure === undefined) return;
  task.optimiser.settle(progress.step);
  const metric = await measure();
  addPoint(progress, run, 'validation', metric);
  progress.sinceBest++;
  if (progress.best && metric <= progress.best.metric) return;
  progress.best = { metric, step: progress.step };
  progress.sinceBest = 0;
  for (const [name, variable] of Object.entries(task.parameters))
    best.set(name, (await variable.data()) as Float32Array);
}

function addPoint(progress: Progress, run: LoopRun, series: string, value: number): void {
  progress.curves.push([series, progress.step, value]);
  run.curve(series, progress.step, value);
}

/** One step (from 0): loss, gradients, optimiser. @returns the loss @throws FitError when it is not finite */
export function takeStep<B extends object>(
  task: Pick<Task<B>, 'name' | 'parameters' | 'optimiser' | 'loss' | 'rows'>,
  step: number,
  batch: B,
): number {
  const loss = tf.tidy(() => {
    const rows = task.rows?.(batch) ?? {};
    task.optimiser.settle(step, rows);
    const read = rowsOfTables(task.parameters, rows);
    // Rows are variables for as long as gradients are asked for.
    const parts = Object.fromEntries(Object.keys(rows).map((name) => [name, tf.variable(read[name]!)]));
    const parameters = { ...task.parameters, ...parts };
    const { value, grads } = tf.variableGrads(
      () => task.loss(step, batch, parameters),
      Object.values(parameters),
    );
    task.optimiser.update(gradientsByName(parameters, grads), step + 1, rows);
    tf.dispose(parts);
    return value.dataSync()[0]!;
  });
  if (Number.isFinite(loss)) return loss;
  throw new FitError(
    `${task.name}: expected a finite loss, found ${loss} in step ${step + 1}; a smaller learning rate may help`,
  );
}

/** Parameters of which some tables are the given rows alone. To be called inside a tidy. */
export const rowsOfTables = (
  parameters: Parameters,
  rows: TableRows,
): Readonly<Record<string, tf.Tensor>> => ({
  ...parameters,
  ...Object.fromEntries(
    Object.entries(rows).map(([name, own]) => [
      name,
      tf.gather(parameters[name]!, tf.tensor1d(own, 'int32')),
    ]),
  ),
});

/** tfjs keys gradients by its own variable names, and has none for what a loss does not read. */
const gradientsByName = (parameters: Parameters, gradients: tf.NamedTensorMap): tf.NamedTensorMap =>
  Object.fromEntries(
    Object.entries(parameters).flatMap(([name, variable]) => {
      const gradient = gradients[variable.name];
      return gradient ? [[name, gradient] as const] : [];
    }),
  );

const describe = (task: Task, { step, best, curves }: Progress): string => {
  const validation = best ? `, best validation ${best.metric.toFixed(4)}` : '';
  const loss = curves.findLast(([series]) => series === 'loss')?.[2].toFixed(3) ?? '…';
  return `${task.name}: epoch ${(step / task.stepsPerEpoch).toFixed(2)}, loss ${loss}${validation}`;
};
