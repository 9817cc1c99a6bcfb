import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { kernel as batchMatMul } from './kernels/batch-mat-mul.ts';
import { kernel as gatherV2 } from './kernels/gather-v2.ts';
import { kernels as slices } from './kernels/slice.ts';
import { kernel as unsortedSegmentSum } from './kernels/unsorted-segment-sum.ts';

const kernels: readonly tf.KernelConfig[] = [batchMatMul, gatherV2, ...slices, unsortedSegmentSum];

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
