import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { floats, type KernelCall } from './heap.ts';

interface Inputs {
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

/**
 * AdamW (Loshchilov & Hutter 2019) in place, one pass over the values. Rows without gradient stay as they are, moments
 * included ("lazy" Adam): a step costs what the batch touches, not what the table holds.
 */
function adamW({
  inputs: { value, gradient, mean, variance },
  backend,
  attrs: { step, learningRate, beta1, beta2, epsilon, weightDecay },
}: KernelCall<Inputs, AdamWAttributes>): TensorInfo[] {
  const values = floats(backend, value);
  const slopes = floats(backend, gradient);
  const means = floats(backend, mean);
  const variances = floats(backend, variance);
  const width = value.shape.length > 1 ? value.shape.at(-1)! : 1;
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
  return [];
}

export const kernel = {
  kernelName: 'AdamW',
  backendName: 'wasm',
  kernelFunc: adamW as unknown as KernelFunc,
};
