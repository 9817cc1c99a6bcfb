import type { TensorInfo } from '@tensorflow/tfjs-core';
import { never, type SoftmaxCrossEntropyInputs } from '../../../kernels/softmax-cross-entropy.ts';
import type { NativeCall } from '../../native-backend.ts';
import { operations } from '../../operations.ts';

/** Loss and its gradient by the logits, as on wasm: see ops.ts for the formula. */
export function softmaxCrossEntropy({
  inputs: { logits, targets, targetWeights, excluded },
  backend,
}: NativeCall<SoftmaxCrossEntropyInputs>): TensorInfo[] {
  using op = operations(backend);
  const [rows, columns] = logits.shape as [number, number];
  const size = rows * columns;
  const scatter = { T: 'float', Tindices: 'int' } as const;
  const positionsOf = (tensor: TensorInfo) =>
    op.integers([tensor.shape[0]!, 1], backend.readSync(tensor.dataId) as Int32Array);
  const flat = op.reshape(op.input(logits), [size]);
  const barred = new Float32Array(excluded.shape[0]!).fill(never);
  const masked = op.run(
    'TensorScatterUpdate',
    [flat, positionsOf(excluded), op.floats([barred.length], barred)],
    scatter,
  );
  const logProbabilities = op.run('LogSoftmax', [op.reshape(masked, [rows, columns])], { T: 'float' });
  const places = positionsOf(targets);
  const positions = backend.readSync(targets.dataId) as Int32Array;
  const weights = backend.readSync(targetWeights.dataId) as Float32Array;
  const chosen = op.run('GatherNd', [op.reshape(logProbabilities, [size]), places], {
    Tparams: 'float',
    Tindices: 'int',
  });
  const product = op.run('Mul', [chosen, op.input(targetWeights)], { T: 'float' });
  const sum = op.run('Sum', [product, op.integers([1], Int32Array.of(0))], { T: 'float', Tidx: 'int' });
  const loss = op.run('Neg', [sum], { T: 'float' });
  const rowWeights = new Float32Array(rows);
  for (const [i, position] of positions.entries()) rowWeights[Math.floor(position / columns)]! += weights[i]!;
  const probabilities = op.run('Exp', [logProbabilities], { T: 'float' });
  const weighted = op.run('Mul', [probabilities, op.floats([rows, 1], rowWeights)], { T: 'float' });
  const slopes = op.run(
    'TensorScatterSub',
    [op.reshape(weighted, [size]), places, op.input(targetWeights)],
    scatter,
  );
  return [op.output(loss, []), op.output(op.reshape(slopes, logits.shape), logits.shape)];
}
