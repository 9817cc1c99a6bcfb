import * as tf from '@tensorflow/tfjs-core';
import * as v from 'valibot';
import type { Dataset } from '../../../batch/data/dataset.ts';
import { convSequence } from '../../../batch/models/conv-sequence.ts';
import {
  createOptimiser,
  createProblem,
  createTask,
  initialise,
} from '../../../batch/models/conv-sequence-training.ts';
import { seededRandom } from '../../../batch/training/random.ts';
import { datasetOf, quietRun } from '../../fixtures/dataset.ts';

/** Users, items and lengths of histories as in MovieLens 1M. */
const shape = { users: 6_040, items: 3_416, shortest: 18, mean: 163 } as const;

/** Different items each, popular ones more often, lengths exponential: as test/bench/pytorch/conv_sequence.py draws them. */
function drawDataset(): Dataset {
  const random = seededRandom(1);
  const users = Array.from({ length: shape.users }, () => {
    const own = new Set<number>();
    const longer = -Math.log1p(-random()) * (shape.mean - shape.shortest);
    const size = shape.shortest + Math.min(1_500, Math.floor(longer));
    while (own.size < size) own.add(1 + Math.floor(shape.items * random() ** 2));
    return [...own];
  });
  return datasetOf(users, shape.items + 1);
}

/** conv-sequence's step with the options of its `fast` profile, beside what `given` changes, on the backend that is open. */
export function convSequenceStep(given: object = {}) {
  const train = drawDataset();
  const problem = createProblem(train, v.parse(convSequence.options, given), quietRun());
  const parameters = initialise(problem);
  const optimiser = createOptimiser(parameters, problem);
  const { loss } = createTask(parameters, optimiser, problem, false);
  const names = Object.keys(parameters);
  return {
    /** Events predicted in a step, on average. */
    examples: (train.items.length - train.userIds.length) / problem.stepsPerEpoch,
    /** Takes step `number`, from 0: input, loss, gradients, optimiser. Returns the loss. */
    take: (number: number): number =>
      tf.tidy(() => {
        const { value, grads } = tf.variableGrads(() => loss(number, {}), Object.values(parameters));
        const gradients = Object.fromEntries(names.map((name) => [name, grads[parameters[name]!.name]!]));
        optimiser.update(gradients, number + 1);
        return value.dataSync()[0]!;
      }),
    [Symbol.dispose]() {
      optimiser[Symbol.dispose]();
      tf.dispose(parameters);
    },
  };
}
