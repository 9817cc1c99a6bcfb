import type { DataId, TensorInfo } from '@tensorflow/tfjs-core';

/** An attribute of a TensorFlow operation, as the binding takes it. */
export interface OperationAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** Where a tensor's values are: in an array of JavaScript, or, once an operation has used them, in TensorFlow. */
export interface TensorData {
  /** TensorFlow's handle; −1 while the values are JavaScript's. */
  id: number;
  values: Float32Array | Int32Array | Uint8Array | null;
}

export interface Binding {
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_INT64: number;
  /** int64 values come as pairs of int32, the low half first. */
  createTensor(shape: readonly number[], dtype: number, values: Int32Array | Float32Array): number;
  deleteTensor(id: number): void;
  executeOp(
    name: string,
    attributes: readonly OperationAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): { readonly id: number }[];
}

/** What kernels need of tfjs-node's backend; it publishes no types without the whole package. */
export interface NativeBackend {
  readonly binding: Binding;
  readonly isUsingGpuDevice: boolean;
  readonly tensorMap: { get(dataId: DataId): TensorData };
  /** A copy of TensorFlow's values; of values that are still JavaScript's, the array itself. */
  readSync(dataId: DataId): Float32Array | Int32Array;
  /** Counts one more tensor of the same values. */
  incRef(dataId: DataId): void;
  getInputTensorIds(tensors: readonly TensorInfo[]): number[];
  createOutputTensor(tensor: { id: number; shape: readonly number[]; dtype: number }): TensorInfo;
}

/** What tfjs hands to a kernel of this backend. */
export interface NativeCall<Inputs, Attributes = unknown> {
  readonly inputs: Inputs;
  readonly backend: NativeBackend;
  readonly attrs: Attributes;
}
