import * as tf from '@tensorflow/tfjs-core';
import { BatchMatMul, Identity, type KernelFunc, Round, type TensorInfo } from '@tensorflow/tfjs-core';
import type { NativeBackend, NativeCall } from '../native-backend.ts';
import { operations } from '../operations.ts';
import type { VariantName } from '../versions.ts';
import { adamW, adamWRows, settleRows } from './adam-w.ts';
import { attentionBag, attentionBagGrad } from './attention-bag.ts';
import { composedAdamW, composedAdamWRows, composedSettleRows } from './composed/adam-w.ts';
import { composedAttentionBag, composedAttentionBagGrad } from './composed/attention-bag.ts';
import {
  composedEmbeddingBag,
  composedEmbeddingBagGradTable,
  composedEmbeddingBagGradWeights,
} from './composed/embedding-bag.ts';
import { softmaxCrossEntropy as composedSoftmaxCrossEntropy } from './composed/softmax-cross-entropy.ts';
import { embeddingBag, embeddingBagGradTable, embeddingBagGradWeights } from './embedding-bag.ts';
import { layers } from './layers.ts';
import { softmaxCrossEntropy } from './softmax-cross-entropy.ts';

const backendName = 'tensorflow';

/** TensorFlow refuses to round integers, which are round already. */
const round = (original: KernelFunc): KernelFunc => {
  return (call) => {
    const { x } = call.inputs as { x: TensorInfo };
    return x.dtype === 'int32' ? tf.getKernel(Identity, backendName).kernelFunc(call) : original(call);
  };
};

/** The same values, counted once more: no operation, and no second handle. */
const identity: KernelFunc = ({ inputs, backend }) => {
  const { x } = inputs as { x: TensorInfo };
  (backend as NativeBackend).incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
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

type Kernels = Readonly<Record<string, (call: NativeCall<never, never>) => TensorInfo | TensorInfo[]>>;

/** On a GPU everything is composed of TensorFlow's own operations, so that tables and moments stay in its memory. */
const own: Readonly<Record<VariantName, Kernels>> = {
  native: {
    AdamW: adamW,
    AdamWRows: adamWRows,
    SettleRows: settleRows,
    AttentionBag: attentionBag,
    AttentionBagGrad: attentionBagGrad,
    EmbeddingBag: embeddingBag,
    EmbeddingBagGradTable: embeddingBagGradTable,
    EmbeddingBagGradWeights: embeddingBagGradWeights,
    SparseSoftmaxCrossEntropy: softmaxCrossEntropy,
    ...layers,
  },
  gpu: {
    AdamW: composedAdamW,
    AdamWRows: composedAdamWRows,
    SettleRows: composedSettleRows,
    AttentionBag: composedAttentionBag,
    AttentionBagGrad: composedAttentionBagGrad,
    EmbeddingBag: composedEmbeddingBag,
    EmbeddingBagGradTable: composedEmbeddingBagGradTable,
    EmbeddingBagGradWeights: composedEmbeddingBagGradWeights,
    SparseSoftmaxCrossEntropy: composedSoftmaxCrossEntropy,
  },
};

/** The kernels that tfjs-node lacks, one that it gets wrong and one that it has slow. Registered once, when the backend is. */
export function registerKernels(variant: VariantName): void {
  const mend = (kernelName: string, around: (original: KernelFunc) => KernelFunc): void => {
    const shipped = tf.getKernel(kernelName, backendName);
    tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({ ...shipped, kernelFunc: around(shipped.kernelFunc) });
  };
  mend(Identity, () => identity);
  mend(Round, round);
  mend(BatchMatMul, multiply);
  registerOwn(variant);
}

/** Our own kernels, in place of another variant's where they are registered. */
export function registerOwn(variant: VariantName): void {
  for (const [kernelName, kernel] of Object.entries(own[variant])) {
    if (tf.getKernel(kernelName, backendName)) tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({ kernelName, backendName, kernelFunc: kernel as unknown as KernelFunc });
  }
}
