import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { SoftmaxCrossEntropyInputs } from '../../kernels/softmax-cross-entropy.ts';
import type { NativeCall } from '../native-backend.ts';
import { operations } from '../operations.ts';

/** Loss and its gradient by the logits, as on wasm: see ops.ts for the formula. */
export function softmaxCrossEntropy({
  inputs: { logits, targets, targetWeights, excluded },
  backend,
}: NativeCall<SoftmaxCrossEntropyInputs>): TensorInfo[] {
  using op = operations(backend);
  const inputs = [logits, targets, targetWeights, excluded].map(op.input);
  const [loss, byLogits] = op.own('PerigeeSoftmaxCrossEntropy', inputs, 2);
  return [op.output(loss!, []), op.output(byLogits!, logits.shape)];
}
