import * as tf from '@tensorflow/tfjs-core';
import { Identity, type KernelConfig, type KernelFunc, Round, type TensorInfo } from '@tensorflow/tfjs-core';
import type { NativeCall } from '../native-backend.ts';
import { adamW } from './adam-w.ts';
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

const own: Readonly<Record<string, (call: NativeCall<never, never>) => TensorInfo | TensorInfo[]>> = {
  AdamW: adamW,
  EmbeddingBag: embeddingBag,
  EmbeddingBagGrad: embeddingBagGrad,
  SparseSoftmaxCrossEntropy: softmaxCrossEntropy,
};

/** The kernels that tfjs-node lacks, and the one that it gets wrong. Registered once, when the backend is. */
export function registerKernels(): void {
  const shipped = tf.getKernel(Round, backendName);
  tf.unregisterKernel(Round, backendName);
  const kernels: KernelConfig[] = [
    { ...shipped, kernelFunc: round(shipped.kernelFunc) },
    ...Object.entries(own).map(([kernelName, kernelFunc]) => ({
      kernelName,
      backendName,
      kernelFunc: kernelFunc as unknown as KernelFunc,
    })),
  ];
  for (const kernel of kernels) tf.registerKernel(kernel);
}
