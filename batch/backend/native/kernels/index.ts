import * as tf from '@tensorflow/tfjs-core';
import {
  BatchMatMul,
  Identity,
  type KernelConfig,
  type KernelFunc,
  Round,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import type { NativeBackend, NativeCall } from '../native-backend.ts';
import { operations } from '../operations.ts';
import { adamW } from './adam-w.ts';
import { attentionBag, attentionBagGrad } from './attention-bag.ts';
import { embeddingBag, embeddingBagGrad } from './embedding-bag.ts';
import { softmaxCrossEntropy } from './softmax-cross-entropy.ts';

const backendName = 'tensorflow';

/** TensorFlow refuses to round integers, which are round already. */
const round = (original: KernelFunc): KernelFunc => {
  return (call) => {
    const { x } = call.inputs as { x: TensorInfo };
    return x.dtype === 'int32' ? tf.getKernel(Identity, backendName).kernelFunc(call) : original(call);
  };
};

/** Plain matrices go to MatMul, which is up to three times as fast as the batched product on narrow ones. */
const multiply = (original: KernelFunc): KernelFunc => {
  return (call) => {
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo };
    const { transposeA, transposeB } = call.attrs as { transposeA: boolean; transposeB: boolean };
    const inputs = a.shape.slice(0, -2).concat(b.shape.slice(0, -2));
    const plain = a.dtype === 'float32' && b.dtype === 'float32' && inputs.every((length) => length === 1);
    if (!plain || a.shape.length !== b.shape.length) return original(call);
    using op = operations(call.backend as NativeBackend);
    const left = op.matrix(a);
    const right = op.matrix(b);
    const shape = [
      ...a.shape.slice(0, -2),
      a.shape.at(transposeA ? -1 : -2)!,
      b.shape.at(transposeB ? -2 : -1)!,
    ];
    const product = op.run(
      'MatMul',
      [left, right],
      { T: 'float' },
      {
        transpose_a: transposeA,
        transpose_b: transposeB,
      },
    );
    return op.output(shape.length === 2 ? product : op.reshape(product, shape), shape);
  };
};

const own: Readonly<Record<string, (call: NativeCall<never, never>) => TensorInfo | TensorInfo[]>> = {
  AdamW: adamW,
  AttentionBag: attentionBag,
  AttentionBagGrad: attentionBagGrad,
  EmbeddingBag: embeddingBag,
  EmbeddingBagGrad: embeddingBagGrad,
  SparseSoftmaxCrossEntropy: softmaxCrossEntropy,
};

/** The kernels that tfjs-node lacks, one that it gets wrong and one that it has slow. Registered once, when the backend is. */
export function registerKernels(): void {
  const mend = (kernelName: string, around: (original: KernelFunc) => KernelFunc): KernelConfig => {
    const shipped = tf.getKernel(kernelName, backendName);
    tf.unregisterKernel(kernelName, backendName);
    return { ...shipped, kernelFunc: around(shipped.kernelFunc) };
  };
  const kernels: KernelConfig[] = [
    mend(Round, round),
    mend(BatchMatMul, multiply),
    ...Object.entries(own).map(([kernelName, kernelFunc]) => ({
      kernelName,
      backendName,
      kernelFunc: kernelFunc as unknown as KernelFunc,
    })),
  ];
  for (const kernel of kernels) tf.registerKernel(kernel);
}
