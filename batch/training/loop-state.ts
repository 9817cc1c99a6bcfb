import * as tf from '@tensorflow/tfjs-core';
import * as v from 'valibot';
import { FitError } from '../../shared/errors.ts';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts';
import type { LoopRun, Task } from './loop.ts';

const Progress = v.object({
  /** Steps taken. */
  step: v.number(),
  /** Of the validations so far. */
  best: v.optional(v.object({ metric: v.number(), step: v.number() })),
  /** Validations since. */
  sinceBest: v.number(),
  /** Sum and number of the losses since the curve's last point. */
  loss: v.object({ sum: v.number(), count: v.number() }),
  curves: v.array(v.tuple([v.string(), v.number(), v.number()])),
});
export type Progress = v.InferOutput<typeof Progress>;

/** Where a training stands, but for the parameters and the optimiser's state, which are the task's. */
export interface TrainingState {
  readonly progress: Progress;
  /** The parameters that validated best, by name; empty without validation. */
  readonly best: Map<string, Float32Array>;
  readonly isNew: boolean;
}

const bestPrefix = 'best.';

/**
 * The state of an earlier run of the same task, its parameters put in place and its curves drawn again, or a new one.
 * @throws FitError when what is stored is no state of this task's shape
 */
export async function openState(task: Task, run: LoopRun): Promise<TrainingState> {
  const stored = await run.checkpoints.load();
  const checkpoint = stored && decodeCheckpoint(task.identity, Progress, stored, run.checkpoints.place);
  if (!checkpoint) {
    const progress: Progress = { step: 0, sinceBest: 0, loss: { sum: 0, count: 0 }, curves: [] };
    return { progress, best: new Map(), isNew: true };
  }
  const { progress, arrays } = checkpoint;
  for (const [name, variable] of trainedBy(task)) {
    const values = arrays.get(name);
    if (values?.length !== variable.size) {
      throw new FitError(
        `${run.checkpoints.place ?? `checkpoint of ${task.name}`}: expected ${variable.size} values of '${name}', found ${values?.length ?? 'none'}`,
      );
    }
    assign(variable, values);
  }
  for (const point of progress.curves) run.curve(...point);
  run.progress(`${task.name}: going on after step ${progress.step}`, 0);
  const best = [...arrays].filter(([name]) => name.startsWith(bestPrefix));
  return {
    progress,
    best: new Map(best.map(([name, values]) => [name.slice(bestPrefix.length), values])),
    isNew: false,
  };
}

/** Keeps everything that {@link openState} needs to go on from here. */
export async function saveState(task: Task, { progress, best }: TrainingState, run: LoopRun): Promise<void> {
  const arrays = new Map<string, Float32Array>();
  for (const [name, variable] of trainedBy(task)) arrays.set(name, (await variable.data()) as Float32Array);
  for (const [name, values] of best) arrays.set(bestPrefix + name, values);
  await run.checkpoints.save(encodeCheckpoint(task.identity, { progress, arrays }));
}

const trainedBy = (task: Task): [string, tf.Variable][] =>
  Object.entries({ ...task.parameters, ...task.optimiser.state });

/** Puts values into a variable of as many. */
export function assign(variable: tf.Variable, values: Float32Array): void {
  tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
}
