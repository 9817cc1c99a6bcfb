import * as tf from '@tensorflow/tfjs-core';
import { openBackend } from '../backend/index.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Model, Run } from '../recommender.ts';
import { createModel } from './sequence-model.ts';
import type { SequenceNetwork } from './sequence-network.ts';
import type { SequenceOptions } from './sequence-options.ts';
import { createProblem, fitParameters, initialise } from './sequence-training.ts';

/** Fits a sequence model, whatever its network: what its `fit` does. */
export async function fitSequence(
  train: Dataset,
  network: SequenceNetwork,
  given: SequenceOptions,
  run: Run,
): Promise<Model> {
  await openBackend();
  const problem = createProblem(train, network, given, run);
  const parameters = initialise(problem);
  try {
    const stopAfter = await fitParameters(parameters, problem, run);
    return createModel(parameters, problem, { ...problem.options, stopAfter });
  } finally {
    tf.dispose(parameters);
  }
}
