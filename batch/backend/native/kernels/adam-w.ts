import type { DataId, TensorInfo } from '@tensorflow/tfjs-core';
import {
  type AdamWAttributes,
  type AdamWInputs,
  type AdamWRowsInputs,
  ratesOf,
  type SettleRowsInputs,
} from '../../kernels/adam-w.ts';
import type { NativeBackend, NativeCall } from '../native-backend.ts';
import { type Handle, operations } from '../operations.ts';

const rates = (attributes: AdamWAttributes): Float32Array => {
  const { rate, correction, keep, beta1, beta2, epsilon } = ratesOf(attributes);
  return Float32Array.of(rate, correction, keep, beta1, beta2, epsilon, attributes.step);
};

/** As on wasm: in place, one pass over the values. */
export function adamW({
  inputs: { value, gradient, mean, variance },
  backend,
  attrs,
}: NativeCall<AdamWInputs, AdamWAttributes>): TensorInfo[] {
  return change(backend, 'PerigeeAdamW', [value, gradient, mean, variance], rates(attrs), [0, 2, 3]);
}

export function adamWRows({
  inputs: { value, gradient, mean, variance, last, rows },
  backend,
  attrs,
}: NativeCall<AdamWRowsInputs, AdamWAttributes>): TensorInfo[] {
  const tensors = [value, gradient, mean, variance, last, rows];
  return change(backend, 'PerigeeAdamWRows', tensors, rates(attrs), [0, 2, 3, 4]);
}

export function settleRows({
  inputs: { value, mean, variance, last, rows, factors },
  backend,
  attrs: { step, epsilon },
}: NativeCall<SettleRowsInputs, { step: number; epsilon: number }>): TensorInfo[] {
  const tensors = [value, mean, variance, last, rows, factors];
  return change(backend, 'PerigeeSettleRows', tensors, Float32Array.of(step, epsilon), [0, 1, 2, 3]);
}

/** Runs an operation that changes some of the tensors in place. */
function change(
  backend: NativeBackend,
  name: string,
  tensors: readonly TensorInfo[],
  numbers: Float32Array,
  changed: readonly number[],
): TensorInfo[] {
  using op = operations(backend);
  for (const at of changed) own(backend, tensors[at]!);
  const inputs: Handle[] = tensors.map(op.input);
  op.own(name, [...inputs, op.floats([numbers.length], numbers)], 1);
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
