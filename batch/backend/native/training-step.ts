import * as tf from '@tensorflow/tfjs-core';
import { BackendError } from '../../../shared/errors.ts';
import { createAdamW } from '../../training/optimiser.ts';
import { sparseSoftmaxCrossEntropy } from '../ops.ts';

/**
 * One step of a softmax layer on the backend that is open: matrix product, loss, gradient, optimiser.
 * @throws BackendError when the loss does not fall, so that a broken build is found before it trains anything
 */
export function trainingStep(): { readonly before: number; readonly after: number } {
  const [rows, width, columns] = [8, 4, 6];
  const weights = tf.variable(tf.zeros([width, columns]));
  using optimiser = createAdamW({ weights }, { learningRate: 0.1 });
  const loss = (): tf.Scalar => {
    const inputs = tf.tensor2d(
      Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i + 1)),
      [rows, width],
    );
    const each = (of: (row: number) => number) =>
      tf.tensor1d(
        Array.from({ length: rows }, (_, row) => of(row)),
        'int32',
      );
    return sparseSoftmaxCrossEntropy(tf.matMul(inputs, weights as tf.Tensor as tf.Tensor2D), {
      targets: each((row) => row % columns),
      targetWeights: tf.fill([rows], 1 / rows),
      targetEnds: each((row) => row + 1),
      excluded: tf.tensor1d([], 'int32'),
      excludedStarts: each(() => 0),
      excludedEnds: each(() => 0),
    });
  };
  const [before, after] = tf.tidy(() => {
    const { value, grads } = tf.variableGrads(loss, [weights]);
    optimiser.update({ weights: grads[weights.name]! }, 1);
    return [value.dataSync()[0]!, loss().dataSync()[0]!];
  });
  weights.dispose();
  if (!(after < before))
    throw new BackendError(`A training step: expected the loss to fall, found ${before} → ${after}`);
  return { before, after };
}
