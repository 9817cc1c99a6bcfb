import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { AdamWAttributes, AdamWInputs } from '../../../kernels/adam-w.ts';
import type { NativeBackend, NativeCall } from '../../native-backend.ts';
import { type Handle, operations } from '../../operations.ts';

/** The step of kernels/adam-w.ts in TensorFlow's operations: rows without gradient stay as they are. */
export function composedAdamW({
  inputs: { value, gradient, mean, variance },
  backend,
  attrs: { step, learningRate, beta1, beta2, epsilon, weightDecay },
}: NativeCall<AdamWInputs, AdamWAttributes>): TensorInfo[] {
  using op = operations(backend);
  const run = (name: string, ...inputs: Handle[]): Handle => op.run(name, inputs, { T: 'float' });
  const number = (x: number): Handle => op.floats([], Float32Array.of(x));
  const [old, slope, oldMean, oldVariance] = [value, gradient, mean, variance].map(op.input) as [
    Handle,
    Handle,
    Handle,
    Handle,
  ];
  const blend = (kept: number, before: Handle, added: Handle): Handle =>
    run('AddV2', run('Mul', number(kept), before), run('Mul', number(1 - kept), added));
  const newMean = blend(beta1, oldMean, slope);
  const newVariance = blend(beta2, oldVariance, run('Square', slope));
  const corrected = run('Mul', newVariance, number(1 / (1 - beta2 ** step)));
  const scale = run('AddV2', run('Sqrt', corrected), number(epsilon));
  const move = run('RealDiv', run('Mul', number(learningRate / (1 - beta1 ** step)), newMean), scale);
  const kept = run('Mul', number(1 - learningRate * weightDecay), old);
  const nonZero = run('NotEqual', slope, number(0));
  const touched =
    value.shape.length > 1
      ? op.run(
          'Any',
          [nonZero, op.integers([1], Int32Array.of(value.shape.length - 1))],
          { Tidx: 'int' },
          { keep_dims: true },
        )
      : nonZero;
  const results: [TensorInfo, Handle, Handle][] = [
    [value, old, run('Sub', kept, move)],
    [mean, oldMean, newMean],
    [variance, oldVariance, newVariance],
  ];
  const selected = results.map(([tensor, before, after]): [TensorInfo, Handle] => [
    tensor,
    op.release(run('SelectV2', touched, after, before)),
  ]);
  for (const [tensor, handle] of selected) replace(backend, tensor, handle);
  return [];
}

function replace({ tensorMap, binding }: NativeBackend, tensor: TensorInfo, handle: Handle): void {
  const data = tensorMap.get(tensor.dataId);
  if (data.id >= 0) binding.deleteTensor(data.id);
  data.id = handle;
  data.values = null;
}
