import type { TensorInfo } from '@tensorflow/tfjs-core';
import { type AdamWAttributes, type AdamWInputs, stepAdamW } from '../../kernels/adam-w.ts';
import type { NativeBackend, NativeCall } from '../native-backend.ts';

/**
 * The same pass as on wasm, in TypeScript: composed of TensorFlow's operations it would read the table a dozen times. The
 * moments, which nothing else reads, stay arrays of JavaScript; only the values go back and forth.
 */
export function adamW({
  inputs: { value, gradient, mean, variance },
  backend,
  attrs,
}: NativeCall<AdamWInputs, AdamWAttributes>): TensorInfo[] {
  const arrays = {
    // Fresh, since TensorFlow and whoever read the values before may hold the old array.
    values: copyOf(backend, value),
    slopes: backend.readSync(gradient.dataId) as Float32Array,
    means: ownArray(backend, mean),
    variances: ownArray(backend, variance),
  };
  stepAdamW(arrays, value.shape, attrs);
  replace(backend, value, arrays.values);
  return [];
}

function copyOf(backend: NativeBackend, tensor: TensorInfo): Float32Array {
  const values = backend.readSync(tensor.dataId) as Float32Array;
  return backend.tensorMap.get(tensor.dataId).values === values ? values.slice() : values;
}

/** The tensor's values as an array that may be changed in place. */
function ownArray(backend: NativeBackend, tensor: TensorInfo): Float32Array {
  const data = backend.tensorMap.get(tensor.dataId);
  if (data.values === null) replace(backend, tensor, backend.readSync(tensor.dataId) as Float32Array);
  return data.values as Float32Array;
}

function replace(backend: NativeBackend, tensor: TensorInfo, values: Float32Array): void {
  const data = backend.tensorMap.get(tensor.dataId);
  if (data.id >= 0) backend.binding.deleteTensor(data.id);
  data.id = -1;
  data.values = values;
}
