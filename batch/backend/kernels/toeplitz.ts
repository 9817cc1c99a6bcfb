import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { floats, type KernelCall } from './heap.ts';

/** [channels, L] → lower triangular [channels, L, L] with filters[c, t − s] at (t, s); tfjs's own Tile takes ten times as long. */
function toeplitz({ inputs, backend }: KernelCall<Record<'0', TensorInfo>>): TensorInfo[] {
  const [channels, length] = inputs[0].shape as [number, number];
  const out = backend.makeOutput([channels, length, length], 'float32');
  const filters = floats(backend, inputs[0]);
  const to = floats(backend, out).fill(0);
  for (let channel = 0; channel < channels; channel++)
    for (let t = 0; t < length; t++) {
      const row = (channel * length + t) * length;
      for (let s = 0; s <= t; s++) to[row + s] = filters[channel * length + t - s]!;
    }
  return [out];
}

/** Sums along the diagonals. */
function toeplitzGrad({ inputs, backend }: KernelCall<Record<'0' | '1', TensorInfo>>): TensorInfo[] {
  const [channels, length] = inputs[1].shape as [number, number];
  const out = backend.makeOutput([channels, length], 'float32');
  const slopes = floats(backend, inputs[0]);
  const sums = floats(backend, out).fill(0);
  for (let channel = 0; channel < channels; channel++)
    for (let t = 0; t < length; t++) {
      const row = (channel * length + t) * length;
      for (let s = 0; s <= t; s++) sums[channel * length + t - s]! += slopes[row + s]!;
    }
  return [out];
}

export const kernels = [
  { kernelName: 'Toeplitz', backendName: 'wasm', kernelFunc: toeplitz as unknown as KernelFunc },
  { kernelName: 'ToeplitzGrad', backendName: 'wasm', kernelFunc: toeplitzGrad as unknown as KernelFunc },
];
