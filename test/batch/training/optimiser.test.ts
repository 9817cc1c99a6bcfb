import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../../batch/backend/index.ts';
import { type AdamWOptions, createAdamW } from '../../../batch/training/optimiser.ts';

beforeAll(async () => {
  await openBackend();
});

/** Two parameters at 1 and the means of their gradients after steps with the gradients (3, 0) and 4. */
function afterSteps(options: AdamWOptions, steps = 1) {
  const parameters = { a: tf.variable(tf.tensor1d([1, 1])), b: tf.variable(tf.tensor1d([1])) };
  using optimiser = createAdamW(parameters, options);
  for (let step = 1; step <= steps; step++)
    tf.tidy(() => optimiser.update({ a: tf.tensor1d([3, 0]), b: tf.tensor1d([4]) }, step));
  const found = {
    values: [...parameters.a.dataSync(), ...parameters.b.dataSync()],
    means: ['a', 'b'].flatMap((name) => [...optimiser.state[`adamW.mean.${name}`]!.dataSync()]),
  };
  tf.dispose(parameters);
  return found;
}

const expectClose = (found: number[], expected: number[]): void => {
  expect(found.length).toBe(expected.length);
  for (const [at, value] of found.entries()) expect(value).toBeCloseTo(expected[at]!, 5);
};

describe('AdamW', () => {
  it('shortens gradients that are longer than clipNorm, all by the same factor', () => {
    expectClose(afterSteps({ learningRate: 0.1, clipNorm: 1 }).means, [0.06, 0, 0.08]);
    expectClose(afterSteps({ learningRate: 0.1, clipNorm: 6 }).means, [0.3, 0, 0.4]);
    expectClose(afterSteps({ learningRate: 0.1 }).means, [0.3, 0, 0.4]);
  });
  it('takes a learning rate for each step, beside the warm-up', () => {
    const planned = (step: number): number => (step === 2 ? 0.5 : 0.1);
    // Under a gradient that stays the same each step is as long as its rate.
    expectClose(afterSteps({ learningRate: planned }, 3).values, [0.3, 1, 0.3]);
    expectClose(afterSteps({ learningRate: planned, warmUpSteps: 1 }, 2).values, [0.45, 1, 0.45]);
  });
});
