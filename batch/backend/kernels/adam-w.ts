import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { floats, type KernelCall } from './heap.ts';

export interface AdamWInputs {
  readonly value: TensorInfo;
  readonly gradient: TensorInfo;
  readonly mean: TensorInfo;
  readonly variance: TensorInfo;
}

/** What one AdamW step is told; `step` counts from 1. */
export interface AdamWAttributes {
  readonly step: number;
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** The arrays of one step; all but the slopes are changed. */
export interface AdamWArrays {
  readonly values: Float32Array;
  readonly slopes: Float32Array;
  readonly means: Float32Array;
  readonly variances: Float32Array;
}

/**
 * AdamW (Loshchilov & Hutter 2019) in place, one pass over the values. Rows without gradient stay as they are, moments
 * included ("lazy" Adam): a step costs what the batch touches, not what the table holds.
 */
export function stepAdamW(
  { values, slopes, means, variances }: AdamWArrays,
  shape: readonly number[],
  { step, learningRate, beta1, beta2, epsilon, weightDecay }: AdamWAttributes,
): void {
  const width = shape.length > 1 ? shape.at(-1)! : 1;
  const rate = learningRate / (1 - beta1 ** step);
  const correction = 1 / (1 - beta2 ** step);
  const keep = 1 - learningRate * weightDecay;
  for (let start = 0; start < values.length; start += width) {
    const end = start + width;
    let at = start;
    while (at < end && slopes[at] === 0) at++;
    if (at === end) continue;
    for (at = start; at < end; at++) {
      const slope = slopes[at]!;
      const m = beta1 * means[at]! + (1 - beta1) * slope;
      const v = beta2 * variances[at]! + (1 - beta2) * slope * slope;
      means[at] = m;
      variances[at] = v;
      values[at] = keep * values[at]! - (rate * m) / (Math.sqrt(v * correction) + epsilon);
    }
  }
}

function adamW({
  inputs: { value, gradient, mean, variance },
  backend,
  attrs,
}: KernelCall<AdamWInputs, AdamWAttributes>): TensorInfo[] {
  const arrays = {
    values: floats(backend, value),
    slopes: floats(backend, gradient),
    means: floats(backend, mean),
    variances: floats(backend, variance),
  };
  stepAdamW(arrays, value.shape, attrs);
  return [];
}

export const kernel = {
  kernelName: 'AdamW',
  backendName: 'wasm',
  kernelFunc: adamW as unknown as KernelFunc,
};
