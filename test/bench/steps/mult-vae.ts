import * as v from 'valibot';
import type { Dataset } from '../../../batch/data/dataset.ts';
import { multVae } from '../../../batch/models/mult-vae.ts';
import type { MultVaeBatch } from '../../../batch/models/mult-vae-batches.ts';
import { initialise } from '../../../batch/models/mult-vae-initial.ts';
import { createProblem } from '../../../batch/models/mult-vae-problem.ts';
import { batchLoss, createOptimiser } from '../../../batch/models/mult-vae-training.ts';
import type { Parameters } from '../../../batch/training/optimiser.ts';
import { seededRandom } from '../../../batch/training/random.ts';
import { datasetOf } from '../../fixtures/dataset.ts';
import { type BenchedStep, benchedStep } from './step.ts';

/** Users, items and items of a user in MovieLens 1M's ratings of 4 and 5. */
const shape = { users: 6_034, items: 3_533, perUser: 95 } as const;

/** Users with 20 to 170 items, popular ones more often: as test/bench/pytorch/mult_vae.py draws them. */
function drawDataset(): Dataset {
  const random = seededRandom(1);
  const users = Array.from({ length: shape.users }, () => {
    const own = new Set<number>();
    const size = 20 + Math.floor(random() * 2 * (shape.perUser - 20));
    while (own.size < size) own.add(1 + Math.floor(shape.items * random() ** 2));
    return [...own];
  });
  return datasetOf(users, shape.items + 1);
}

/** mult-vae's step with the options of its `full` profile, beside what `given` changes. */
export function multVaeStep(given: object = {}): BenchedStep<MultVaeBatch> {
  const options = v.parse(multVae.options, { profile: 'full', ...given });
  const problem = createProblem(drawDataset(), options, 1);
  const parameters = initialise(problem);
  const optimiser = createOptimiser(parameters, problem);
  const loss = (number: number, batch: MultVaeBatch, read: Parameters) =>
    batchLoss(read, problem, batch, number);
  const rows = (batch: MultVaeBatch) => batch.rows;
  const task = { name: 'mult-vae', parameters, optimiser, rows, loss };
  return benchedStep(options.batchSize, task, problem.batches);
}
