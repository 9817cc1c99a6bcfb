import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { kernels as adamW } from './kernels/adam-w.ts';
import { kernels as attentionBag } from './kernels/attention-bag.ts';
import { kernel as batchMatMul } from './kernels/batch-mat-mul.ts';
import { kernels as embeddingBag } from './kernels/embedding-bag.ts';
import { kernel as gatherV2 } from './kernels/gather-v2.ts';
import { kernel as identity } from './kernels/identity.ts';
import { kernels as slices } from './kernels/slice.ts';
import { kernel as softmaxCrossEntropy } from './kernels/softmax-cross-entropy.ts';
import { kernels as toeplitz } from './kernels/toeplitz.ts';
import { kernel as unsortedSegmentSum } from './kernels/unsorted-segment-sum.ts';

const kernels: readonly tf.KernelConfig[] = [
  ...adamW,
  ...attentionBag,
  batchMatMul,
  ...embeddingBag,
  gatherV2,
  identity,
  ...slices,
  softmaxCrossEntropy,
  ...toeplitz,
  unsortedSegmentSum,
];

/**
 * WebAssembly with SIMD, one thread, no native package: the backend that runs everywhere. tfjs's own lacks kernels that
 * gradients need and is slow in others; ours take their place.
 */
export async function openWasm(): Promise<'wasm'> {
  await tf.setBackend('wasm');
  await tf.ready();
  for (const kernel of kernels) {
    if (tf.getKernel(kernel.kernelName, 'wasm')?.kernelFunc === kernel.kernelFunc) continue;
    if (tf.getKernel(kernel.kernelName, 'wasm')) tf.unregisterKernel(kernel.kernelName, 'wasm');
    tf.registerKernel(kernel);
  }
  return 'wasm';
}
