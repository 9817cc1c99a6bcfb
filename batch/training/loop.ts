import * as tf from '@tensorflow/tfjs-core';
import * as v from 'valibot';
import { FitError } from '../../shared/errors.ts';
import type { Model, Run } from '../recommender.ts';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts';
import type { Optimiser, Parameters } from './optimiser.ts';

/** Something to train: everything random in it must follow from the seed and the step's number alone. */
export interface Task {
  readonly name: string;
  /** Names the data and options, so that another task's checkpoint is not taken for its own. */
  readonly identity: string;
  readonly parameters: Parameters;
  readonly optimiser: Optimiser;
  readonly stepsPerEpoch: number;
  /** Mean loss of the batch of this step (from 0), built from the parameters. */
  loss(step: number): tf.Scalar;
  /** Scores with the parameters as they stand. */
  readonly score: Model['score'];
}

export interface LoopOptions {
  readonly maximumEpochs: number;
  /** Validations in an epoch. */
  readonly validationsPerEpoch: number;
  /** Validations without a new best after which training ends. */
  readonly patience: number;
}

const Progress = v.object({
  /** Steps taken. */
  step: v.number(),
  /** Of the validations so far. */
  best: v.optional(v.object({ metric: v.number(), step: v.number() })),
  sinceBest: v.number(),
  /** Sum and number of the losses since the curve's last point. */
  loss: v.object({ sum: v.number(), count: v.number() }),
  curves: v.array(v.tuple([v.string(), v.number(), v.number()])),
});
type Progress = v.InferOutput<typeof Progress>;

const start: Progress = {
  step: 0,
  sinceBest: 0,
  loss: { sum: 0, count: 0 },
  curves: [],
};
const bestPrefix = 'best.';

/**
 * Trains until `maximumEpochs`, or with validation until `patience` validations in a row brought no new best, and leaves the
 * parameters at their best. Progress is kept in `run.checkpoints` at every validation and on abort; a training that finds
 * its own state there goes on from it and ends with the same bytes as one that was never interrupted.
 * @returns epochs (possibly a fraction) after which the parameters were what they now are
 * @throws FitError when the loss is no longer finite; the signal's reason when aborted
 */
export async function train(task: Task, options: LoopOptions, run: Run): Promise<number> {
  const { validate } = run;
  const total = Math.round(options.maximumEpochs * task.stepsPerEpoch);
  const interval = Math.max(1, Math.round(task.stepsPerEpoch / options.validationsPerEpoch));
  const trained = { ...task.parameters, ...task.optimiser.state };
  const best = new Map<string, Float32Array>();
  const restored = await restore(task, trained, best, run);
  const progress: Progress = restored ?? structuredClone(start);
  for (const point of progress.curves) run.curve(...point);
  const point = (...values: [series: string, step: number, value: number]): void => {
    progress.curves.push(values);
    run.curve(...values);
  };
  const save = async (): Promise<void> => {
    const arrays = new Map<string, Float32Array>();
    for (const [name, variable] of Object.entries(trained))
      arrays.set(name, (await variable.data()) as Float32Array);
    for (const [name, values] of best) arrays.set(bestPrefix + name, values);
    await run.checkpoints.save(encodeCheckpoint(task.identity, { progress, arrays }));
  };
  const checkUp = async (): Promise<void> => {
    if (validate === undefined) return;
    const metric = await validate(task.score);
    point('validation', progress.step, metric);
    progress.sinceBest++;
    if (progress.best && metric <= progress.best.metric) return;
    progress.best = { metric, step: progress.step };
    progress.sinceBest = 0;
    for (const [name, variable] of Object.entries(task.parameters))
      best.set(name, (await variable.data()) as Float32Array);
  };
  if (restored === undefined) await checkUp();
  while (progress.step < total && progress.sinceBest < options.patience) {
    if (run.signal.aborted) {
      await save();
      run.signal.throwIfAborted();
    }
    const loss = takeStep(task, progress.step);
    progress.step++;
    progress.loss.sum += loss;
    progress.loss.count++;
    if (progress.step % interval !== 0 && progress.step !== total) continue;
    point('loss', progress.step, progress.loss.sum / progress.loss.count);
    progress.loss = { sum: 0, count: 0 };
    await checkUp();
    await save();
    run.progress(describe(task, progress), progress.step / total);
    // Lets signals and timers of the process in.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (progress.best === undefined) return progress.step / task.stepsPerEpoch;
  for (const [name, values] of best) assign(task.parameters[name]!, values);
  return progress.best.step / task.stepsPerEpoch;
}

function takeStep(task: Task, step: number): number {
  const loss = tf.tidy(() => {
    const { value, grads } = tf.variableGrads(() => task.loss(step), Object.values(task.parameters));
    task.optimiser.update(gradientsByName(task.parameters, grads), step + 1);
    return value.dataSync()[0]!;
  });
  if (Number.isFinite(loss)) return loss;
  throw new FitError(
    `${task.name}: expected a finite loss, found ${loss} in step ${step + 1}; a smaller learning rate may help`,
  );
}

/** tfjs keys gradients by its own variable names. */
const gradientsByName = (parameters: Parameters, gradients: tf.NamedTensorMap): tf.NamedTensorMap =>
  Object.fromEntries(Object.entries(parameters).map(([name, variable]) => [name, gradients[variable.name]!]));

function assign(variable: tf.Variable, values: Float32Array): void {
  tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
}

async function restore(
  task: Task,
  trained: Parameters,
  best: Map<string, Float32Array>,
  run: Run,
): Promise<Progress | undefined> {
  const stored = await run.checkpoints.load();
  const checkpoint = stored && decodeCheckpoint(task.identity, Progress, stored);
  if (!checkpoint) return undefined;
  for (const [name, variable] of Object.entries(trained)) {
    const values = checkpoint.arrays.get(name);
    if (values?.length !== variable.size) {
      throw new FitError(
        `checkpoint of ${task.name}: expected ${variable.size} values of '${name}', found ${values?.length ?? 'none'}`,
      );
    }
    assign(variable, values);
  }
  for (const [name, values] of checkpoint.arrays)
    if (name.startsWith(bestPrefix)) best.set(name.slice(bestPrefix.length), values);
  run.progress(`${task.name}: going on after step ${checkpoint.progress.step}`, 0);
  return checkpoint.progress;
}

const describe = (task: Task, { step, best, curves }: Progress): string => {
  const validation = best ? `, best validation ${best.metric.toFixed(4)}` : '';
  const loss = curves.findLast(([series]) => series === 'loss')?.[2].toFixed(4);
  return `${task.name}: epoch ${(step / task.stepsPerEpoch).toFixed(2)}, loss ${loss}${validation}`;
};
