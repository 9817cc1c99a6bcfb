import type { DataId, TensorInfo } from '@tensorflow/tfjs-core';
import type { AdamWAttributes, AdamWInputs } from '../../kernels/adam-w.ts';
import type { NativeBackend, NativeCall } from '../native-backend.ts';
import { operations } from '../operations.ts';

/** As on wasm: in place, one pass over the values. */
export function adamW({
  inputs: { value, gradient, mean, variance },
  backend,
  attrs: { step, learningRate, beta1, beta2, epsilon, weightDecay },
}: NativeCall<AdamWInputs, AdamWAttributes>): TensorInfo[] {
  using op = operations(backend);
  const rates = Float32Array.of(
    learningRate / (1 - beta1 ** step),
    1 / (1 - beta2 ** step),
    1 - learningRate * weightDecay,
    beta1,
    beta2,
    epsilon,
  );
  for (const tensor of [value, mean, variance]) own(backend, tensor);
  const inputs = [value, gradient, mean, variance].map(op.input);
  op.own('PerigeeAdamW', [...inputs, op.floats([rates.length], rates)], 1);
  return [];
}

/** Tensors whose bytes are TensorFlow's and nobody else's. */
const owned = new WeakSet<DataId>();

/** Values that came from JavaScript still lie in the array that they came in, which may be read again: copied, once. */
function own(backend: NativeBackend, tensor: TensorInfo): void {
  if (owned.has(tensor.dataId)) return;
  using op = operations(backend);
  const copy = op.run('DeepCopy', [op.input(tensor)], { T: 'float' });
  const data = backend.tensorMap.get(tensor.dataId);
  backend.binding.deleteTensor(data.id);
  data.id = op.release(copy);
  owned.add(tensor.dataId);
}
