import { getKernel, type KernelFunc, type TensorInfo } from '@tensorflow/tfjs-core';
import { floats, integers, type KernelCall } from './heap.ts';

export interface SoftmaxCrossEntropyInputs {
  readonly logits: TensorInfo;
  readonly targets: TensorInfo;
  readonly targetWeights: TensorInfo;
  readonly excluded: TensorInfo;
}

/** Low enough that exp() of it is 0, and not infinite, so that no difference of two becomes NaN. */
export const never = -1e9;
export const smallest = 1e-37;

/**
 * Loss and its gradient by the logits, in one pass: softmax(z) is needed for both, and targets and exclusions are few. See
 * ops.ts for the formula. The softmax itself is XNNPACK's.
 */
function softmaxCrossEntropy({
  inputs: { logits, targets, targetWeights, excluded },
  backend,
}: KernelCall<SoftmaxCrossEntropyInputs>): TensorInfo[] {
  const [rows, columns] = logits.shape as [number, number];
  const masked = backend.makeOutput(logits.shape, 'float32');
  const maskedLogits = floats(backend, masked);
  maskedLogits.set(floats(backend, logits));
  for (const position of integers(backend, excluded)) maskedLogits[position] = never;
  const byLogits = getKernel('Softmax', 'wasm').kernelFunc({
    inputs: { logits: masked },
    backend,
    attrs: { dim: 1 },
  }) as TensorInfo;
  backend.disposeData(masked.dataId);
  const loss = backend.makeOutput([], 'float32');
  const probabilities = floats(backend, byLogits);
  const positions = integers(backend, targets);
  const weights = floats(backend, targetWeights);
  const rowWeights = new Float64Array(rows);
  let sum = 0;
  for (let i = 0; i < positions.length; i++) {
    const position = positions[i]!;
    sum -= weights[i]! * Math.log(Math.max(probabilities[position]!, smallest));
    rowWeights[Math.floor(position / columns)]! += weights[i]!;
  }
  for (let row = 0; row < rows; row++) {
    const weight = rowWeights[row]!;
    const end = (row + 1) * columns;
    for (let at = row * columns; at < end; at++) probabilities[at]! *= weight;
  }
  for (let i = 0; i < positions.length; i++) probabilities[positions[i]!]! -= weights[i]!;
  floats(backend, loss)[0] = sum;
  return [loss, byLogits];
}

export const kernel = {
  kernelName: 'SparseSoftmaxCrossEntropy',
  backendName: 'wasm',
  kernelFunc: softmaxCrossEntropy as unknown as KernelFunc,
};
