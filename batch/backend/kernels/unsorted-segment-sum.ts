import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { floats, integers, type KernelCall, sizeOf } from './heap.ts';

/**
 * out[segmentIds[i]] += x[i], in one pass over x; ids outside 0…numSegments−1 are dropped, as in TensorFlow. tfjs's own
 * wasm backend lacks it, and it is the gradient of every gather.
 */
const unsortedSegmentSum = ({
  inputs: { x, segmentIds },
  backend,
  attrs: { numSegments },
}: KernelCall<{ x: TensorInfo; segmentIds: TensorInfo }, { numSegments: number }>): TensorInfo => {
  const inner = x.shape.slice(segmentIds.shape.length);
  const width = sizeOf(inner);
  const out = backend.makeOutput([numSegments, ...inner], 'float32');
  const sums = floats(backend, out).fill(0);
  const values = floats(backend, x);
  const ids = integers(backend, segmentIds);
  for (let i = 0, from = 0; i < ids.length; i++, from += width) {
    const id = ids[i]!;
    if (id < 0 || id >= numSegments) continue;
    for (let j = 0, to = id * width; j < width; j++) sums[to + j]! += values[from + j]!;
  }
  return out;
};

export const kernel = {
  kernelName: 'UnsortedSegmentSum',
  backendName: 'wasm',
  kernelFunc: unsortedSegmentSum as unknown as KernelFunc,
};
