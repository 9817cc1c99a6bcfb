import { type KernelFunc, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { floats, integers, type KernelCall } from './heap.ts';

interface Inputs {
  readonly table: TensorInfo;
  readonly weights: TensorInfo;
  readonly indices: TensorInfo;
  readonly bags: TensorInfo;
}

/** Throws before anything is allocated or written where an index would leave its tensor. */
function assertIndices(indices: Int32Array, bags: Int32Array, rows: number, count: number): void {
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    const bag = bags[i]!;
    util.assert(
      index >= 0 && index < rows,
      () => `embeddingBag: expected a row in 0…${rows - 1}, found ${index}`,
    );
    util.assert(
      bag >= 0 && bag < count,
      () => `embeddingBag: expected a bag in 0…${count - 1}, found ${bag}`,
    );
  }
}

/** See ops.ts for the formula. */
function embeddingBag({
  inputs: { table, weights, indices, bags },
  backend,
  attrs: { count },
}: KernelCall<Inputs, { count: number }>): TensorInfo {
  const [rows, width] = table.shape as [number, number];
  const heads = weights.shape[1]!;
  assertIndices(integers(backend, indices), integers(backend, bags), rows, count);
  const out = backend.makeOutput([count, heads, width], 'float32');
  const sums = floats(backend, out).fill(0);
  const values = floats(backend, table);
  const factors = floats(backend, weights);
  const rowOf = integers(backend, indices);
  const bagOf = integers(backend, bags);
  for (let i = 0; i < rowOf.length; i++) {
    const from = rowOf[i]! * width;
    for (let head = 0; head < heads; head++) {
      const factor = factors[i * heads + head]!;
      const to = (bagOf[i]! * heads + head) * width;
      for (let j = 0; j < width; j++) sums[to + j]! += factor * values[from + j]!;
    }
  }
  return out;
}

/** Gradients by table [rows, width] and by weights [n, heads], from that by the output. */
function embeddingBagGrad({
  inputs: { table, weights, indices, bags, dy },
  backend,
}: KernelCall<Inputs & { dy: TensorInfo }>): TensorInfo[] {
  const width = table.shape[1]!;
  const heads = weights.shape[1]!;
  const byTable = backend.makeOutput(table.shape, 'float32');
  const byWeights = backend.makeOutput(weights.shape, 'float32');
  const tableGradient = floats(backend, byTable).fill(0);
  const weightGradient = floats(backend, byWeights);
  const values = floats(backend, table);
  const factors = floats(backend, weights);
  const gradient = floats(backend, dy);
  const rowOf = integers(backend, indices);
  const bagOf = integers(backend, bags);
  for (let i = 0; i < rowOf.length; i++) {
    const row = rowOf[i]! * width;
    for (let head = 0; head < heads; head++) {
      const factor = factors[i * heads + head]!;
      const from = (bagOf[i]! * heads + head) * width;
      let dot = 0;
      for (let j = 0; j < width; j++) {
        const slope = gradient[from + j]!;
        dot += slope * values[row + j]!;
        tableGradient[row + j]! += factor * slope;
      }
      weightGradient[i * heads + head] = dot;
    }
  }
  return [byTable, byWeights];
}

export const kernels = [
  { kernelName: 'EmbeddingBag', backendName: 'wasm', kernelFunc: embeddingBag as unknown as KernelFunc },
  {
    kernelName: 'EmbeddingBagGrad',
    backendName: 'wasm',
    kernelFunc: embeddingBagGrad as unknown as KernelFunc,
  },
];
