import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { type KernelFunc, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { floats, integers, type KernelCall } from './heap.ts';

export interface EmbeddingBagInputs {
  readonly table: TensorInfo;
  readonly weights: TensorInfo;
  readonly indices: TensorInfo;
  readonly bags: TensorInfo;
}

/** Throws before anything is allocated or written where an index would leave its tensor. */
export function assertIndices(indices: Int32Array, bags: Int32Array, rows: number, count: number): void {
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

/** What a bag's entries are: row, bag, and a weight a head. */
export interface Entries {
  readonly values: Float32Array;
  readonly factors: Float32Array;
  readonly rowOf: Int32Array;
  readonly bagOf: Int32Array;
  readonly heads: number;
  readonly width: number;
}

/**
 * Adds to `sums` [count, heads, width]; see ops.ts for the formula. Neighbouring entries of one bag are added four at a time, so that a sum is
 * read and written a quarter as often.
 */
export function sumBags({ values, factors, rowOf, bagOf, heads, width }: Entries, sums: Float32Array): void {
  for (let i = 0; i < rowOf.length; ) {
    const bag = bagOf[i]!;
    const four = i + 3 < rowOf.length && bagOf[i + 1] === bag && bagOf[i + 2] === bag && bagOf[i + 3] === bag;
    for (let head = 0; head < heads; head++) {
      const to = (bag * heads + head) * width;
      const a = rowOf[i]! * width;
      const factorA = factors[i * heads + head]!;
      if (!four) {
        for (let j = 0; j < width; j++) sums[to + j]! += factorA * values[a + j]!;
        continue;
      }
      const b = rowOf[i + 1]! * width;
      const c = rowOf[i + 2]! * width;
      const d = rowOf[i + 3]! * width;
      const factorB = factors[(i + 1) * heads + head]!;
      const factorC = factors[(i + 2) * heads + head]!;
      const factorD = factors[(i + 3) * heads + head]!;
      for (let j = 0; j < width; j++) {
        sums[to + j]! +=
          factorA * values[a + j]! +
          factorB * values[b + j]! +
          factorC * values[c + j]! +
          factorD * values[d + j]!;
      }
    }
    i += four ? 4 : 1;
  }
}

/** Adds to `byTable` and sets `byWeights`, from the gradient by the output; heads go in pairs. */
export function slopesOfBags(
  { values, factors, rowOf, bagOf, heads, width }: Entries,
  gradient: Float32Array,
  byTable: Float32Array,
  byWeights: Float32Array,
): void {
  for (let i = 0; i < rowOf.length; i++) {
    const row = rowOf[i]! * width;
    for (let head = 0; head < heads; head += 2) {
      const at = i * heads + head;
      const first = (bagOf[i]! * heads + head) * width;
      const paired = head + 1 < heads;
      // An odd last head is paired with itself, at weight 0.
      const second = paired ? first + width : first;
      const factor = factors[at]!;
      const secondFactor = paired ? factors[at + 1]! : 0;
      let dot = 0;
      let secondDot = 0;
      for (let j = 0; j < width; j++) {
        const value = values[row + j]!;
        const slope = gradient[first + j]!;
        const secondSlope = gradient[second + j]!;
        dot += slope * value;
        secondDot += secondSlope * value;
        byTable[row + j]! += factor * slope + secondFactor * secondSlope;
      }
      byWeights[at] = dot;
      if (paired) byWeights[at + 1] = secondDot;
    }
  }
}

const entriesOf = (backend: BackendWasm, { table, weights, indices, bags }: EmbeddingBagInputs): Entries => ({
  values: floats(backend, table),
  factors: floats(backend, weights),
  rowOf: integers(backend, indices),
  bagOf: integers(backend, bags),
  heads: weights.shape[1]!,
  width: table.shape[1]!,
});

function embeddingBag({
  inputs,
  backend,
  attrs: { count },
}: KernelCall<EmbeddingBagInputs, { count: number }>): TensorInfo {
  const { table, weights, indices, bags } = inputs;
  assertIndices(integers(backend, indices), integers(backend, bags), table.shape[0]!, count);
  const out = backend.makeOutput([count, weights.shape[1]!, table.shape[1]!], 'float32');
  sumBags(entriesOf(backend, inputs), floats(backend, out).fill(0));
  return out;
}

type Grad = KernelCall<EmbeddingBagInputs & { dy: TensorInfo }>;

/** Gradient by table [rows, width], from that by the output. */
function embeddingBagGradTable({ inputs: { dy, ...inputs }, backend }: Grad): TensorInfo {
  const out = backend.makeOutput(inputs.table.shape, 'float32');
  const sums = floats(backend, out).fill(0);
  const { factors, rowOf, bagOf, heads, width } = entriesOf(backend, inputs);
  const slopes = floats(backend, dy);
  for (let i = 0; i < rowOf.length; i++) {
    const row = rowOf[i]! * width;
    for (let head = 0; head < heads; head++) {
      const factor = factors[i * heads + head]!;
      const from = (bagOf[i]! * heads + head) * width;
      for (let j = 0; j < width; j++) sums[row + j]! += factor * slopes[from + j]!;
    }
  }
  return out;
}

/** Gradient by weights [n, heads], from that by the output. */
function embeddingBagGradWeights({ inputs: { dy, ...inputs }, backend }: Grad): TensorInfo {
  const out = backend.makeOutput(inputs.weights.shape, 'float32');
  const dots = floats(backend, out);
  const { values, rowOf, bagOf, heads, width } = entriesOf(backend, inputs);
  const slopes = floats(backend, dy);
  for (let at = 0; at < dots.length; at++) {
    const i = Math.floor(at / heads);
    const row = rowOf[i]! * width;
    const from = (bagOf[i]! * heads + (at % heads)) * width;
    let dot = 0;
    for (let j = 0; j < width; j++) dot += values[row + j]! * slopes[from + j]!;
    dots[at] = dot;
  }
  return out;
}

const kernelFuncs = {
  EmbeddingBag: embeddingBag,
  EmbeddingBagGradTable: embeddingBagGradTable,
  EmbeddingBagGradWeights: embeddingBagGradWeights,
};

export const kernels = Object.entries(kernelFuncs).map(([kernelName, kernelFunc]) => ({
  kernelName,
  backendName: 'wasm',
  kernelFunc: kernelFunc as unknown as KernelFunc,
}));
