import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelCall } from './heap.ts';

/**
 * The same values under the same number, counted once more; tfjs's own kernel copies them, and it is called for each tensor that a
 * gradient keeps. Only AdamW changes values in place, and only those of variables and moments.
 */
const identity = ({ inputs: { x }, backend }: KernelCall<{ x: TensorInfo }>): TensorInfo => {
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
};

export const kernel = {
  kernelName: 'Identity',
  backendName: 'wasm',
  kernelFunc: identity as unknown as KernelFunc,
};
