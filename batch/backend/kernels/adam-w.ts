import { type KernelFunc, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { floats, integers, type KernelCall } from './heap.ts';

export interface AdamWInputs {
  readonly value: TensorInfo;
  readonly gradient: TensorInfo;
  readonly mean: TensorInfo;
  readonly variance: TensorInfo;
}

/** Of some rows of a table: ascending, their gradients in that order. */
export interface AdamWRowsInputs extends AdamWInputs {
  /** [rows of the table] the step after which each row is what it is. */
  readonly last: TensorInfo;
  readonly rows: TensorInfo;
}

export interface SettleRowsInputs extends Omit<AdamWRowsInputs, 'gradient'> {
  /** [rows, 4]: what remains of the value; how far it drifts along mean / √variance; what remains of mean and of variance. */
  readonly factors: TensorInfo;
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

/** AdamW (Loshchilov & Hutter 2019) for `count` values from `at`, in place, the slopes from `from`. */
function step(
  { values, means, variances }: State,
  at: number,
  slopes: Float32Array,
  from: number,
  count: number,
  { rate, correction, keep, beta1, beta2, epsilon }: ReturnType<typeof ratesOf>,
): void {
  for (let i = 0; i < count; i++) {
    const slope = slopes[from + i]!;
    const m = beta1 * means[at + i]! + (1 - beta1) * slope;
    const v = beta2 * variances[at + i]! + (1 - beta2) * slope * slope;
    means[at + i] = m;
    variances[at + i] = v;
    values[at + i] = keep * values[at + i]! - (rate * m) / (Math.sqrt(v * correction) + epsilon);
  }
}

/** The step's numbers, worked out: the same for every value. */
export const ratesOf = ({ step, learningRate, beta1, beta2, epsilon, weightDecay }: AdamWAttributes) => ({
  rate: learningRate / (1 - beta1 ** step),
  correction: 1 / (1 - beta2 ** step),
  keep: 1 - learningRate * weightDecay,
  beta1,
  beta2,
  epsilon,
});

interface State {
  readonly values: Float32Array;
  readonly means: Float32Array;
  readonly variances: Float32Array;
}

const stateOf = (
  backend: KernelCall<never>['backend'],
  { value, mean, variance }: Omit<AdamWInputs, 'gradient'>,
): State => ({
  values: floats(backend, value),
  means: floats(backend, mean),
  variances: floats(backend, variance),
});

function adamW({ inputs, backend, attrs }: KernelCall<AdamWInputs, AdamWAttributes>): TensorInfo[] {
  const state = stateOf(backend, inputs);
  step(state, 0, floats(backend, inputs.gradient), 0, state.values.length, ratesOf(attrs));
  return [];
}

export function assertRows(rows: Int32Array, count: number): void {
  for (let i = 0; i < rows.length; i++)
    util.assert(
      rows[i]! >= 0 && rows[i]! < count && (i === 0 || rows[i]! > rows[i - 1]!),
      () => `adamW: expected ascending rows in 0…${count - 1}, found ${rows[i]}`,
    );
}

function adamWRows({ inputs, backend, attrs }: KernelCall<AdamWRowsInputs, AdamWAttributes>): TensorInfo[] {
  const state = stateOf(backend, inputs);
  const [rows, last] = [integers(backend, inputs.rows), floats(backend, inputs.last)];
  assertRows(rows, last.length);
  const slopes = floats(backend, inputs.gradient);
  const width = state.values.length / last.length;
  const rates = ratesOf(attrs);
  for (let i = 0; i < rows.length; i++) {
    step(state, rows[i]! * width, slopes, i * width, width, rates);
    last[rows[i]!] = attrs.step;
  }
  return [];
}

function settleRows({
  inputs,
  backend,
  attrs: { step, epsilon },
}: KernelCall<SettleRowsInputs, { step: number; epsilon: number }>): TensorInfo[] {
  const { values, means, variances } = stateOf(backend, inputs);
  const [rows, last] = [integers(backend, inputs.rows), floats(backend, inputs.last)];
  assertRows(rows, last.length);
  const factors = floats(backend, inputs.factors);
  const width = values.length / last.length;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    if (last[row]! >= step) continue;
    const [keep, drift] = [factors[4 * i]!, factors[4 * i + 1]!];
    const [meanLeft, varianceLeft] = [factors[4 * i + 2]!, factors[4 * i + 3]!];
    for (let at = row * width; at < (row + 1) * width; at++) {
      values[at] = keep * values[at]! - (drift * means[at]!) / (Math.sqrt(variances[at]!) + epsilon);
      means[at]! *= meanLeft;
      variances[at]! *= varianceLeft;
    }
    last[row] = step;
  }
  return [];
}

export const kernels = [
  { kernelName: 'AdamW', backendName: 'wasm', kernelFunc: adamW as unknown as KernelFunc },
  { kernelName: 'AdamWRows', backendName: 'wasm', kernelFunc: adamWRows as unknown as KernelFunc },
  { kernelName: 'SettleRows', backendName: 'wasm', kernelFunc: settleRows as unknown as KernelFunc },
];
