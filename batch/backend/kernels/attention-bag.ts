import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { assertIndices, type Entries, slopesOfBags, sumBags } from './embedding-bag.ts';
import { floats, integers, type KernelCall } from './heap.ts';

interface Events {
  readonly items: TensorInfo;
  readonly bags: TensorInfo;
  readonly ages: TensorInfo;
  readonly positions: TensorInfo;
}

export interface AttentionBagInputs extends Events {
  readonly table: TensorInfo;
  readonly gates: TensorInfo;
  readonly position: TensorInfo;
  readonly age: TensorInfo;
  readonly weights: TensorInfo;
}

export interface AttentionBagGradInputs extends Events {
  readonly dy: TensorInfo;
  readonly pooled: TensorInfo;
  readonly attention: TensorInfo;
  readonly totals: TensorInfo;
  readonly table: TensorInfo;
}

/** Keeps the square root of an attention sum differentiable when every weight is 0. */
const leastAttention = 1e-12;

/** See ops.ts for the formula; also the attention [n, heads] and its sums [count, heads]. */
function attentionBag({
  inputs,
  backend,
  attrs: { count },
}: KernelCall<AttentionBagInputs, { count: number }>): TensorInfo[] {
  const { table, gates } = inputs;
  const [heads, width] = [gates.shape[1]!, table.shape[1]!];
  assertIndices(integers(backend, inputs.items), integers(backend, inputs.bags), table.shape[0]!, count);
  const outputs = [
    backend.makeOutput([count, heads, width], 'float32'),
    backend.makeOutput([inputs.items.shape[0]!, heads], 'float32'),
    backend.makeOutput([count, heads], 'float32'),
  ];
  const [pooled, factors, totals] = outputs.map((output) => floats(backend, output).fill(0));
  const [rowOf, bagOf] = [integers(backend, inputs.items), integers(backend, inputs.bags)];
  const [gate, kinds] = [floats(backend, gates), floats(backend, inputs.weights)];
  const [steps, days] = [floats(backend, inputs.positions), floats(backend, inputs.ages)];
  const [byPosition, byAge] = [floats(backend, inputs.position), floats(backend, inputs.age)];
  for (let i = 0; i < rowOf.length; i++) {
    const distance = Math.log1p(steps[i]!);
    for (let k = 0; k < heads; k++) {
      const logit = gate[rowOf[i]! * heads + k]! + distance * byPosition[k]! + days[i]! * byAge[k]!;
      factors![i * heads + k] = kinds[i]! * Math.exp(logit);
      totals![bagOf[i]! * heads + k]! += factors![i * heads + k]!;
    }
  }
  sumBags({ values: floats(backend, table), factors: factors!, rowOf, bagOf, heads, width }, pooled!);
  for (let at = 0; at < pooled!.length; at++)
    pooled![at]! /= Math.sqrt(totals![Math.floor(at / width)]! + leastAttention);
  return outputs;
}

/** Gradients by table, gates, position and age. */
function attentionBagGrad({ inputs, backend }: KernelCall<AttentionBagGradInputs>): TensorInfo[] {
  const { table, totals } = inputs;
  const [rows, width] = table.shape as [number, number];
  const heads = totals.shape[1]!;
  const outputs = [
    backend.makeOutput([rows, width], 'float32'),
    backend.makeOutput([rows, heads], 'float32'),
    backend.makeOutput([1, heads], 'float32'),
    backend.makeOutput([1, heads], 'float32'),
  ];
  const [byTable, byGates, byPosition, byAge] = outputs.map((output) => floats(backend, output).fill(0));
  const entries: Entries = {
    values: floats(backend, table),
    factors: floats(backend, inputs.attention),
    rowOf: integers(backend, inputs.items),
    bagOf: integers(backend, inputs.bags),
    heads,
    width,
  };
  const { factors, rowOf, bagOf } = entries;
  const { bySums, byTotals } = slopesOfMeans(
    floats(backend, inputs.dy),
    floats(backend, inputs.pooled),
    floats(backend, totals),
    width,
  );
  const byFactors = new Float32Array(factors.length);
  slopesOfBags(entries, bySums, byTable!, byFactors);
  const [steps, days] = [floats(backend, inputs.positions), floats(backend, inputs.ages)];
  for (let i = 0; i < rowOf.length; i++) {
    const distance = Math.log1p(steps[i]!);
    for (let k = 0; k < heads; k++) {
      const at = i * heads + k;
      const slope = factors[at]! * (byFactors[at]! + byTotals[bagOf[i]! * heads + k]!);
      byGates![rowOf[i]! * heads + k]! += slope;
      byPosition![k]! += slope * distance;
      byAge![k]! += slope * days[i]!;
    }
  }
  return outputs;
}

/** From the gradient by sums / √totals, those by the sums [count, heads, width] and by the totals [count, heads]. */
function slopesOfMeans(dy: Float32Array, pooled: Float32Array, totals: Float32Array, width: number) {
  const bySums = new Float32Array(dy.length);
  const byTotals = new Float32Array(totals.length);
  for (let at = 0; at < totals.length; at++) {
    const total = totals[at]! + leastAttention;
    const factor = 1 / Math.sqrt(total);
    let dot = 0;
    for (let j = at * width; j < (at + 1) * width; j++) {
      dot += dy[j]! * pooled[j]!;
      bySums[j] = factor * dy[j]!;
    }
    byTotals[at] = -dot / (2 * total);
  }
  return { bySums, byTotals };
}

export const kernels = [
  { kernelName: 'AttentionBag', backendName: 'wasm', kernelFunc: attentionBag as unknown as KernelFunc },
  {
    kernelName: 'AttentionBagGrad',
    backendName: 'wasm',
    kernelFunc: attentionBagGrad as unknown as KernelFunc,
  },
];
