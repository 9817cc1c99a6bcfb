import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type { TensorInfo } from '@tensorflow/tfjs-core';

/** What tfjs hands to a kernel of the wasm backend. */
export interface KernelCall<Inputs, Attributes = unknown> {
  readonly inputs: Inputs;
  readonly backend: BackendWasm;
  readonly attrs: Attributes;
}

/**
 * The tensor's values where they lie in the wasm heap: a view, valid until the next allocation (which may grow, and so
 * replace, the heap). Allocate outputs first, then take views.
 */
export const floats = (backend: BackendWasm, tensor: TensorInfo): Float32Array =>
  backend.typedArrayFromHeap(tensor) as Float32Array;

/** As {@link floats}, for int32 tensors. */
export const integers = (backend: BackendWasm, tensor: TensorInfo): Int32Array =>
  backend.typedArrayFromHeap(tensor) as Int32Array;

/** Number of values in a tensor of this shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((size, length) => size * length, 1);
