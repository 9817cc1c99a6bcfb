import * as v from 'valibot';
import { TwoTowerOptions } from '../../../batch/models/two-tower.ts';
import type { TwoTowerBatch } from '../../../batch/models/two-tower-batches.ts';
import { initialParameters } from '../../../batch/models/two-tower-network.ts';
import { createProblem } from '../../../batch/models/two-tower-problem.ts';
import { batchLoss, createOptimiser } from '../../../batch/models/two-tower-training.ts';
import type { Parameters } from '../../../batch/training/optimiser.ts';
import { normal, seededRandom } from '../../../batch/training/random.ts';
import { datasetOf } from '../../fixtures/dataset.ts';
import { type BenchedStep, benchedStep } from './step.ts';

/** Users and events of a user in MovieLens 1M. */
const [users, shortest, longest] = [6_040, 20, 310];

/** two-tower's step with its default options, over as many items as MovieLens 1M has or another number. */
export function twoTowerStep({ items = 3_416 } = {}): BenchedStep<TwoTowerBatch> {
  const random = seededRandom(1);
  const dataset = datasetOf(
    Array.from({ length: users }, () =>
      Array.from({ length: shortest + Math.floor(random() * (longest - shortest)) }, (_, at) => ({
        item: 1 + Math.floor(items * random() ** 2),
        time: 1e9 + at * 3_600,
      })),
    ),
    items + 1,
  );
  const options = { ...v.parse(TwoTowerOptions, {}), targets: 'new' as const };
  const problem = createProblem(dataset, options, 1);
  const table = Float32Array.from({ length: (items + 1) * options.dimensions }, normal(random));
  const parameters = initialParameters(table, options.dimensions, { ...options, features: problem.features });
  const optimiser = createOptimiser(parameters, problem);
  const loss = (_: number, batch: TwoTowerBatch, read: Parameters) => batchLoss(read, 0.1, problem, batch);
  const rows = (batch: TwoTowerBatch) => batch.rows;
  const task = { name: 'two-tower', parameters, optimiser, rows, loss };
  return benchedStep(options.batchSize, task, problem.batches);
}
