import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { getKernel, type KernelFunc, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { SoftmaxLists } from '../ops.ts';
import { floats, integers, type KernelCall } from './heap.ts';

export interface SoftmaxCrossEntropyInputs extends SoftmaxLists<TensorInfo, TensorInfo> {
  readonly logits: TensorInfo;
  readonly bias: TensorInfo;
}

/** Low enough that exp() of it is 0, and not infinite, so that no difference of two becomes NaN. */
export const never = -1e9;
export const smallest = 1e-37;

/**
 * Loss and its gradients by logits and bias: softmax(z) is needed for all, and targets and exclusions are few. See ops.ts for
 * the formula. The softmax itself is XNNPACK's.
 */
function softmaxCrossEntropy({ inputs, backend }: KernelCall<SoftmaxCrossEntropyInputs>): TensorInfo[] {
  const { logits, bias } = inputs;
  const columns = logits.shape[1]!;
  assertLists(listsOf(backend, inputs), columns);
  const masked = backend.makeOutput(logits.shape, 'float32');
  const loss = backend.makeOutput([], 'float32');
  const byBias = backend.makeOutput(bias.shape, 'float32');
  mask(floats(backend, logits), floats(backend, bias), listsOf(backend, inputs), floats(backend, masked));
  const byLogits = getKernel('Softmax', 'wasm').kernelFunc({
    inputs: { logits: masked },
    backend,
    attrs: { dim: 1 },
  }) as TensorInfo;
  backend.disposeData(masked.dataId);
  const sums = floats(backend, byBias).fill(0);
  floats(backend, loss)[0] = toSlopes(floats(backend, byLogits), sums, listsOf(backend, inputs), columns);
  return [loss, byLogits, byBias];
}

type Lists = SoftmaxLists<Int32Array, Float32Array>;

const listsOf = (backend: BackendWasm, inputs: SoftmaxCrossEntropyInputs): Lists => ({
  targets: integers(backend, inputs.targets),
  targetWeights: floats(backend, inputs.targetWeights),
  targetEnds: integers(backend, inputs.targetEnds),
  excluded: integers(backend, inputs.excluded),
  excludedStarts: integers(backend, inputs.excludedStarts),
  excludedEnds: integers(backend, inputs.excludedEnds),
});

/** Throws before anything is allocated or written where a column would leave its row. */
export function assertLists({ targets, excluded }: Lists, columns: number): void {
  for (const [what, list] of Object.entries({ target: targets, excluded })) {
    for (let i = 0; i < list.length; i++)
      util.assert(
        list[i]! >= 0 && list[i]! < columns,
        () => `softmaxCrossEntropy: expected ${what} in 0…${columns - 1}, found ${list[i]}`,
      );
  }
}

/** Logits and bias, with what takes no part at {@link never}. */
function mask(
  logits: Float32Array,
  bias: Float32Array,
  { excluded, excludedStarts, excludedEnds }: Lists,
  out: Float32Array,
): void {
  const rows = excludedEnds.length;
  const columns = logits.length / rows;
  if (bias.length === 0) out.set(logits);
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    for (let column = 0; column < bias.length; column++)
      out[start + column] = logits[start + column]! + bias[column]!;
    for (let i = excludedStarts[row]!; i < excludedEnds[row]!; i++) out[start + excluded[i]!] = never;
  }
}

/** Makes slopes of probabilities, in place, and adds them up by column if `sums` is not empty. @returns the loss */
function toSlopes(
  probabilities: Float32Array,
  sums: Float32Array,
  { targets, targetEnds, targetWeights }: Lists,
  columns: number,
): number {
  let loss = 0;
  for (let row = 0, from = 0; row < targetEnds.length; row++) {
    const start = row * columns;
    const end = targetEnds[row]!;
    let total = 0;
    for (let i = from; i < end; i++) {
      loss -= targetWeights[i]! * Math.log(Math.max(probabilities[start + targets[i]!]!, smallest));
      total += targetWeights[i]!;
    }
    if (sums.length === 0) for (let at = start; at < start + columns; at++) probabilities[at]! *= total;
    else
      for (let column = 0; column < columns; column++) {
        const slope = probabilities[start + column]! * total;
        probabilities[start + column] = slope;
        sums[column]! += slope;
      }
    for (; from < end; from++) {
      probabilities[start + targets[from]!]! -= targetWeights[from]!;
      if (sums.length > 0) sums[targets[from]!]! -= targetWeights[from]!;
    }
  }
  return loss;
}

export const kernel = {
  kernelName: 'SparseSoftmaxCrossEntropy',
  backendName: 'wasm',
  kernelFunc: softmaxCrossEntropy as unknown as KernelFunc,
};
