import type { TensorInfo } from '@tensorflow/tfjs-core';
import {
  assertLists,
  never,
  type SoftmaxCrossEntropyInputs,
} from '../../../kernels/softmax-cross-entropy.ts';
import type { NativeBackend, NativeCall } from '../../native-backend.ts';
import { type Handle, operations } from '../../operations.ts';

/** Loss and its gradients by logits and bias, as on wasm: see ops.ts for the formula. */
export function softmaxCrossEntropy({
  inputs,
  backend,
}: NativeCall<SoftmaxCrossEntropyInputs>): TensorInfo[] {
  using op = operations(backend);
  const { logits, bias, targetWeights } = inputs;
  const [rows, columns] = logits.shape as [number, number];
  const size = rows * columns;
  const lists = listsOf(backend, inputs);
  assertLists(lists, columns);
  const scatter = { T: 'float', Tindices: 'int' } as const;
  const listed = (positions: Int32Array): Handle => op.integers([positions.length, 1], positions);
  const sumOf = (value: Handle): Handle =>
    op.run('Sum', [value, op.integers([1], Int32Array.of(0))], { T: 'float', Tidx: 'int' });
  const shifted =
    bias.shape[0] === 0
      ? op.input(logits)
      : op.run('AddV2', [op.input(logits), op.input(bias)], { T: 'float' });
  const barred = flat(lists.excluded, lists.excludedStarts, lists.excludedEnds, columns);
  const masked = op.run(
    'TensorScatterUpdate',
    [
      op.reshape(shifted, [size]),
      listed(barred),
      op.floats([barred.length], new Float32Array(barred.length).fill(never)),
    ],
    scatter,
  );
  const logProbabilities = op.run('LogSoftmax', [op.reshape(masked, [rows, columns])], { T: 'float' });
  const starts = lists.targetEnds.map((_, row) => (row === 0 ? 0 : lists.targetEnds[row - 1]!));
  const places = listed(flat(lists.targets, starts, lists.targetEnds, columns));
  const chosen = op.run('GatherNd', [op.reshape(logProbabilities, [size]), places], {
    Tparams: 'float',
    Tindices: 'int',
  });
  const loss = op.run('Neg', [sumOf(op.run('Mul', [chosen, op.input(targetWeights)], { T: 'float' }))], {
    T: 'float',
  });
  const rowWeights = Float32Array.from(starts, (start, row) =>
    lists.targetWeights.subarray(start, lists.targetEnds[row]).reduce((sum, weight) => sum + weight, 0),
  );
  const probabilities = op.run('Exp', [logProbabilities], { T: 'float' });
  const weighted = op.run('Mul', [probabilities, op.floats([rows, 1], rowWeights)], { T: 'float' });
  const slopes = op.run(
    'TensorScatterSub',
    [op.reshape(weighted, [size]), places, op.input(targetWeights)],
    scatter,
  );
  const byLogits = op.reshape(slopes, logits.shape);
  const byBias = bias.shape[0] === 0 ? op.floats([0], new Float32Array(0)) : sumOf(byLogits);
  return [op.output(loss, []), op.output(byLogits, logits.shape), op.output(byBias, bias.shape)];
}

function listsOf(backend: NativeBackend, inputs: SoftmaxCrossEntropyInputs) {
  const integersOf = ({ dataId }: TensorInfo): Int32Array => backend.readSync(dataId) as Int32Array;
  return {
    targets: integersOf(inputs.targets),
    targetWeights: backend.readSync(inputs.targetWeights.dataId) as Float32Array,
    targetEnds: integersOf(inputs.targetEnds),
    excluded: integersOf(inputs.excluded),
    excludedStarts: integersOf(inputs.excludedStarts),
    excludedEnds: integersOf(inputs.excludedEnds),
  };
}

/** Places row · columns + column of lists by row. */
function flat(list: Int32Array, starts: Int32Array, ends: Int32Array, columns: number): Int32Array {
  const positions: number[] = [];
  for (const [row, start] of starts.entries())
    for (let i = start; i < ends[row]!; i++) positions.push(row * columns + list[i]!);
  return Int32Array.from(positions);
}
