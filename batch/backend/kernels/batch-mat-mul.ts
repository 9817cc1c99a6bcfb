import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { broadcast_util, getKernel, type KernelFunc, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { type KernelCall, sizeOf } from './heap.ts';

type Multiply = (
  aId: number,
  aShape: Uint8Array,
  aRank: number,
  bId: number,
  bShape: Uint8Array,
  bRank: number,
  transposeA: boolean,
  transposeB: boolean,
  outId: number,
) => void;

const float32Bytes = 4;
const shapeBytes = (shape: readonly number[]): Uint8Array => new Uint8Array(Int32Array.from(shape).buffer);

/** Emscripten's binder, which the published types leave out. */
interface Bindable {
  cwrap(name: string, result: null, parameters: readonly ('number' | 'array')[]): Multiply;
}

const bind = (backend: BackendWasm): Multiply =>
  (backend.wasm as unknown as Bindable).cwrap('BatchMatMul', null, [
    'number',
    'array',
    'number',
    'number',
    'array',
    'number',
    'number',
    'number',
    'number',
  ]);

/** Swaps the two inner axes; the caller disposes the result. */
function transposed(backend: BackendWasm, x: TensorInfo): TensorInfo {
  const last = x.shape.length - 1;
  const perm = x.shape.map((_, axis) => (axis < last - 1 ? axis : axis === last ? last - 1 : last));
  return getKernel('Transpose', 'wasm').kernelFunc({
    inputs: { x },
    backend,
    attrs: { perm },
  }) as TensorInfo;
}

/**
 * A matrix inside a tensor, under an id of its own, so that XNNPACK treats each matrix of a batch as a plain product.
 * The fresh id matters for `b`: XNNPACK packs b once per id, and would not see values that an optimiser changed in place.
 */
function openMatrix(
  backend: BackendWasm,
  tensor: TensorInfo,
  index: number,
  size: number,
): { id: number } & Disposable {
  const { memoryOffset } = backend.dataIdMap.get(tensor.dataId);
  const { tfjs } = backend.wasm;
  const id = nextId(backend);
  tfjs.registerTensor(id, size, memoryOffset + index * size * float32Bytes);
  return { id, [Symbol.dispose]: () => tfjs.disposeData(id) };
}

/** tfjs's own counter, so that ids stay unique. */
function nextId(backend: BackendWasm): number {
  const counter = backend as unknown as { dataIdNextNumber: number };
  return counter.dataIdNextNumber++;
}

/** a·b over the last two axes, neither operand transposed; batch axes broadcast. One XNNPACK product a matrix. */
function multiplyPlain(backend: BackendWasm, a: TensorInfo, b: TensorInfo): TensorInfo {
  const [rows, inner] = a.shape.slice(-2) as [number, number];
  const [innerB, columns] = b.shape.slice(-2) as [number, number];
  util.assert(
    inner === innerB,
    () => `matMul: expected equal inner dimensions, found shapes [${a.shape}] and [${b.shape}]`,
  );
  const batchA = a.shape.slice(0, -2);
  const batchB = b.shape.slice(0, -2);
  const batch = broadcast_util.assertAndGetBroadcastShape(batchA, batchB);
  const out = backend.makeOutput([...batch, rows, columns], 'float32');
  const multiply = bind(backend);
  const count = sizeOf(out.shape) === 0 ? 0 : sizeOf(batch);
  const fromA = sourceIndex(batchA, batch);
  const fromB = sourceIndex(batchB, batch);
  const shapeA = shapeBytes([1, rows, inner]);
  const shapeB = shapeBytes([1, inner, columns]);
  for (let i = 0; i < count; i++) {
    using left = openMatrix(backend, a, fromA(i), rows * inner);
    using right = openMatrix(backend, b, fromB(i), inner * columns);
    using product = openMatrix(backend, out, i, rows * columns);
    multiply(left.id, shapeA, 3, right.id, shapeB, 3, false, false, product.id);
  }
  return out;
}

/**
 * a·b over the last two axes, batch axes broadcast. tfjs's own kernel leaves XNNPACK as soon as an operand is transposed or
 * the batch has more than one matrix, and is then 10 to 30 times slower. Here operands are transposed first, or, where that
 * moves fewer values, aᵀ·b is computed as (bᵀ·a)ᵀ: the gradient of a wide softmax layer is such a product.
 */
function batchMatMul({
  inputs: { a, b },
  backend,
  attrs: { transposeA, transposeB },
}: KernelCall<{ a: TensorInfo; b: TensorInfo }, { transposeA: boolean; transposeB: boolean }>): TensorInfo {
  for (const { dtype } of [a, b])
    util.assert(dtype === 'float32', () => `matMul: expected float32 operands, found ${dtype}`);
  const temporary: TensorInfo[] = [];
  const flip = (x: TensorInfo): TensorInfo => {
    temporary.push(transposed(backend, x));
    return temporary.at(-1)!;
  };
  const [inner, rows] = a.shape.slice(-2) as [number, number];
  const columns = b.shape.at(-1)!;
  const swapped = transposeA && !transposeB && (inner + rows) * columns < inner * rows;
  const product = swapped
    ? multiplyPlain(backend, flip(b), a)
    : multiplyPlain(backend, transposeA ? flip(a) : a, transposeB ? flip(b) : b);
  const out = swapped ? transposed(backend, product) : product;
  if (swapped) temporary.push(product);
  for (const { dataId } of temporary) backend.disposeData(dataId);
  return out;
}

/** Which matrix of an operand's batch belongs to matrix i of the broadcast batch. */
function sourceIndex(own: readonly number[], broadcast: readonly number[]): (i: number) => number {
  if (sizeOf(own) === 1) return () => 0;
  if (sizeOf(own) === sizeOf(broadcast)) return (i) => i;
  const strides = util.computeStrides([...own, 1]);
  const missing = broadcast.length - own.length;
  return (i) => {
    const position = util.indexToLoc(i, broadcast.length, util.computeStrides([...broadcast]));
    return own.reduce(
      (at, length, axis) => at + (length === 1 ? 0 : position[axis + missing]!) * strides[axis]!,
      0,
    );
  };
}

export const kernel = {
  kernelName: 'BatchMatMul',
  backendName: 'wasm',
  kernelFunc: batchMatMul as unknown as KernelFunc,
};
