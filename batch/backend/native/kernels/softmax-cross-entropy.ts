import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { SoftmaxCrossEntropyInputs } from '../../kernels/softmax-cross-entropy.ts';
import type { NativeCall } from '../native-backend.ts';
import { operations } from '../operations.ts';

/** Loss and its gradients by logits and bias, as on wasm: see ops.ts for the formula. */
export function softmaxCrossEntropy({
  inputs: { logits, bias, targets, targetWeights, targetEnds, excluded, excludedStarts, excludedEnds },
  backend,
}: NativeCall<SoftmaxCrossEntropyInputs>): TensorInfo[] {
  using op = operations(backend);
  const lists = [targets, targetWeights, targetEnds, excluded, excludedStarts, excludedEnds];
  const inputs = [logits, bias, ...lists].map(op.input);
  const [loss, byLogits, byBias] = op.own('PerigeeSoftmaxCrossEntropy', inputs, 3);
  return [op.output(loss!, []), op.output(byLogits!, logits.shape), op.output(byBias!, bias.shape)];
}
