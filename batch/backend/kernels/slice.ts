import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { backend_util, type KernelFunc, slice_util, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { type KernelCall, sizeOf } from './heap.ts';

/** Copies the box that starts at `begin`, run by run along the last axis; tfjs's own kernel first copies the whole of x. */
function copyBox(
  backend: BackendWasm,
  x: TensorInfo,
  begin: readonly number[],
  size: readonly number[],
): TensorInfo {
  const out = backend.makeOutput([...size], x.dtype);
  const from = backend.typedArrayFromHeap(x);
  const to = backend.typedArrayFromHeap(out);
  // Axes that are taken whole join the one before them: fewer, longer runs.
  let axis = size.length - 1;
  while (axis > 0 && begin[axis] === 0 && size[axis] === x.shape[axis]) axis--;
  const strides = [...util.computeStrides([...x.shape]), 1];
  const run = sizeOf(size.slice(Math.max(axis, 0)));
  const runs = sizeOf(size.slice(0, Math.max(axis, 0)));
  const first = begin.reduce((offset, start, i) => offset + start * strides[i]!, 0);
  if (sizeOf(size) === 0) return out;
  const place = new Int32Array(Math.max(axis, 0));
  let source = first;
  for (let i = 0; i < runs; i++) {
    to.set(from.subarray(source, source + run), i * run);
    for (let d = place.length - 1; d >= 0; d--) {
      source += strides[d]!;
      if (++place[d]! < size[d]!) break;
      source -= size[d]! * strides[d]!;
      place[d] = 0;
    }
  }
  return out;
}

const slice = ({
  inputs: { x },
  backend,
  attrs: { begin, size },
}: KernelCall<{ x: TensorInfo }, { begin: number[]; size: number[] }>): TensorInfo => {
  const [from, lengths] = slice_util.parseSliceParams(
    x as Parameters<typeof slice_util.parseSliceParams>[0],
    begin,
    size,
  );
  return copyBox(backend, x, from!, lengths!);
};

const splitV = ({
  inputs: { x },
  backend,
  attrs: { numOrSizeSplits, axis },
}: KernelCall<{ x: TensorInfo }, { numOrSizeSplits: number[] | number; axis: number }>): TensorInfo[] => {
  const at = util.parseAxisParam(axis, x.shape)[0]!;
  const sizes = backend_util.prepareSplitSize(
    x as Parameters<typeof backend_util.prepareSplitSize>[0],
    numOrSizeSplits,
    at,
  );
  let start = 0;
  return sizes.map((length) => {
    const part = copyBox(
      backend,
      x,
      x.shape.map((_, i) => (i === at ? start : 0)),
      x.shape.map((whole, i) => (i === at ? length : whole)),
    );
    start += length;
    return part;
  });
};

export const kernels = [
  { kernelName: 'Slice', backendName: 'wasm', kernelFunc: slice as unknown as KernelFunc },
  { kernelName: 'SplitV', backendName: 'wasm', kernelFunc: splitV as unknown as KernelFunc },
];
