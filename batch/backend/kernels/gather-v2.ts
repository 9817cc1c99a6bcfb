import { backend_util, type KernelFunc, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { integers, type KernelCall, sizeOf } from './heap.ts';

interface Attributes {
  readonly axis: number;
  readonly batchDims: number;
}

/** Slices of x along an axis, by index. tfjs's own kernel computes coordinates for each value; this one copies whole runs. */
function gatherV2({
  inputs: { x, indices },
  backend,
  attrs: { axis, batchDims },
}: KernelCall<{ x: TensorInfo; indices: TensorInfo }, Attributes>): TensorInfo {
  const parsedAxis = util.parseAxisParam(axis, x.shape)[0]!;
  const shapes = backend_util.segment_util.collectGatherOpShapeInfo(
    // The helper reads the shapes only.
    x as Parameters<typeof backend_util.segment_util.collectGatherOpShapeInfo>[0],
    indices as Parameters<typeof backend_util.segment_util.collectGatherOpShapeInfo>[1],
    parsedAxis,
    batchDims,
  );
  const { batchSize, outerSize, dimSize, sliceSize, outputShape } = shapes;
  for (const id of integers(backend, indices))
    util.assert(id >= 0 && id < dimSize, () => `gather: expected an index in 0…${dimSize - 1}, found ${id}`);
  const out = backend.makeOutput(outputShape, x.dtype);
  const ids = integers(backend, indices);
  const from = backend.typedArrayFromHeap(x);
  const to = backend.typedArrayFromHeap(out);
  const count = batchSize === 0 ? 0 : sizeOf(indices.shape) / batchSize;
  let at = 0;
  for (let batch = 0; batch < batchSize; batch++) {
    for (let outer = 0; outer < outerSize; outer++) {
      const base = (batch * outerSize + outer) * dimSize;
      for (let i = 0; i < count; i++, at += sliceSize) {
        const source = (base + ids[batch * count + i]!) * sliceSize;
        // A loop beats a view and its copy for short rows.
        if (sliceSize <= 32) for (let j = 0; j < sliceSize; j++) to[at + j] = from[source + j]!;
        else to.set(from.subarray(source, source + sliceSize), at);
      }
    }
  }
  return out;
}

export const kernel = {
  kernelName: 'GatherV2',
  backendName: 'wasm',
  kernelFunc: gatherV2 as unknown as KernelFunc,
};
