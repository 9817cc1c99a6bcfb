import * as tf from '@tensorflow/tfjs-core';
import * as v from 'valibot';
import type { Dataset } from '../../batch/data/dataset.ts';
import { TwoTowerOptions } from '../../batch/models/two-tower.ts';
import { createProblem } from '../../batch/models/two-tower-problem.ts';
import { fitParameters, initialise } from '../../batch/models/two-tower-training.ts';
import { seededRandom } from '../../batch/training/random.ts';
import { datasetOf, quietRun } from '../fixtures/dataset.ts';

/** A shop of 300 customers and 200 items with categories and prices. */
export function shop(): Dataset {
  const random = seededRandom(8);
  const [customers, items] = [300, 201];
  const users = Array.from({ length: customers }, (_, user) =>
    Array.from({ length: 5 + Math.floor(random() * 40) }, (_, at) => ({
      item: 1 + ((Math.floor(random() ** 2 * 100) * 2 + (user % 2)) % (items - 1)),
      time: 1.6e9 + at * 50_000,
      weight: random() < 0.3 ? 0.25 : 1,
    })),
  );
  const dataset = datasetOf(users, items);
  return {
    ...dataset,
    attributes: dataset.itemIds.map((_, item) =>
      item === 0 ? undefined : { categories: [`c${item % 2}`], price: item % 37 },
    ),
  };
}

/** Loss of each step of the model as it ships, but for fewer dimensions, and its parameters after the last one. */
export async function trainTwoTower(steps: number, given: object) {
  const options = { ...v.parse(TwoTowerOptions, { dimensions: 32, ...given }), targets: 'new' as const };
  const problem = createProblem(shop(), options, 1);
  const { stepsPerEpoch } = problem;
  const { parameters, scale } = initialise(problem);
  const losses: number[] = [];
  const everyStep = { ...options, epochs: steps / stepsPerEpoch, validationsPerEpoch: stepsPerEpoch };
  await fitParameters(
    parameters,
    scale,
    { ...problem, options: everyStep },
    quietRun({ curve: (series, _, value) => series === 'loss' && losses.push(value) }),
  );
  const trained = Object.entries(parameters).map(([name, value]): [string, Float32Array] => [
    name,
    (value.dataSync() as Float32Array).slice(),
  ]);
  tf.dispose(parameters);
  return { losses, trained: new Map(trained) };
}
