import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { NativeBackend, OperationAttribute } from './native-backend.ts';

/** A value inside TensorFlow, by its handle. */
export type Handle = number;

/** TensorFlow operations on handles. What they make is freed with this, but for what became an output. */
export interface Operations extends Disposable {
  input(tensor: TensorInfo): Handle;
  /** The last two axes of a tensor whose other axes are of length 1. */
  matrix(tensor: TensorInfo): Handle;
  floats(shape: readonly number[], values: Float32Array): Handle;
  integers(shape: readonly number[], values: Int32Array): Handle;
  /** Runs an operation of kernels.cc, which have no attributes. */
  own(name: string, inputs: readonly Handle[], outputs: number): Handle[];
  /**
   * Runs an operation with one output.
   * @param types dtypes by attribute: `{ T: 'float', Tidx: 'int' }`
   * @param flags boolean attributes
   */
  run(
    name: string,
    inputs: readonly Handle[],
    types: Readonly<Record<string, 'float' | 'int'>>,
    flags?: Readonly<Record<string, boolean>>,
  ): Handle;
  reshape(value: Handle, shape: readonly number[]): Handle;
  /** The value, which is the caller's to free from now on. */
  release(value: Handle): Handle;
  /** The value as a float32 tensor of tfjs. */
  output(value: Handle, shape: readonly number[]): TensorInfo;
}

export function operations(backend: NativeBackend): Operations {
  const { binding } = backend;
  const own = new Set<Handle>();
  const keep = (handle: Handle): Handle => {
    own.add(handle);
    return handle;
  };
  const dtypes = { float: binding.TF_FLOAT, int: binding.TF_INT32 };
  const self: Operations = {
    input: (tensor) => backend.getInputTensorIds([tensor])[0]!,
    matrix: (tensor) =>
      tensor.shape.length === 2
        ? self.input(tensor)
        : self.reshape(self.input(tensor), tensor.shape.slice(-2)),
    floats: (shape, values) => keep(binding.createTensor(shape, binding.TF_FLOAT, values)),
    integers: (shape, values) => keep(binding.createTensor(shape, binding.TF_INT32, values)),
    own: (name, inputs, outputs) => binding.executeOp(name, [], inputs, outputs).map(({ id }) => keep(id)),
    run(name, inputs, types, flags = {}) {
      const attributes: OperationAttribute[] = [
        ...Object.entries(types).map(([key, type]) => ({
          name: key,
          type: binding.TF_ATTR_TYPE,
          value: dtypes[type],
        })),
        ...Object.entries(flags).map(([key, value]) => ({ name: key, type: binding.TF_ATTR_BOOL, value })),
      ];
      return keep(binding.executeOp(name, attributes, inputs, 1)[0]!.id);
    },
    reshape: (value, shape) =>
      self.run('Reshape', [value, self.integers([shape.length], Int32Array.from(shape))], {
        T: 'float',
        Tshape: 'int',
      }),
    release(value) {
      own.delete(value);
      return value;
    },
    output: (value, shape) =>
      backend.createOutputTensor({ id: self.release(value), shape, dtype: binding.TF_FLOAT }),
    [Symbol.dispose]() {
      for (const handle of own) binding.deleteTensor(handle);
    },
  };
  return self;
}
