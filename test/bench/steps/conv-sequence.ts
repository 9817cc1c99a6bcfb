import * as v from 'valibot';
import type { Dataset } from '../../../batch/data/dataset.ts';
import { convSequence, convSequenceNetwork } from '../../../batch/models/conv-sequence.ts';
import type { SequenceBatch } from '../../../batch/models/sequence-batches.ts';
import {
  createOptimiser,
  createProblem,
  createTask,
  initialise,
} from '../../../batch/models/sequence-training.ts';
import { seededRandom } from '../../../batch/training/random.ts';
import { datasetOf, quietRun } from '../../fixtures/dataset.ts';
import { type BenchedStep, benchedStep } from './step.ts';

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

/** conv-sequence's step with the options of its `fast` profile, beside what `given` changes; examples are predicted events. */
export function convSequenceStep(given: object = {}): BenchedStep<SequenceBatch> {
  const train = drawDataset();
  const options = v.parse(convSequence.options, given);
  const problem = createProblem(train, convSequenceNetwork(options), options, quietRun());
  const parameters = initialise(problem);
  const task = createTask(parameters, createOptimiser(parameters, problem), problem, false);
  return benchedStep(
    (train.items.length - train.userIds.length) / problem.stepsPerEpoch,
    task,
    problem.batches,
  );
}
