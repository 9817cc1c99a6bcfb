import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { EmbeddingBagInputs } from '../../kernels/embedding-bag.ts';
import type { NativeCall } from '../native-backend.ts';
import { operations } from '../operations.ts';

/** See ops.ts for the formula. */
export function embeddingBag({
  inputs: { table, weights, indices, bags },
  backend,
  attrs: { count },
}: NativeCall<EmbeddingBagInputs, { count: number }>): TensorInfo {
  using op = operations(backend);
  const entries = [table, weights, indices, bags].map(op.input);
  const [sums] = op.own('PerigeeEmbeddingBag', [...entries, op.integers([1], Int32Array.of(count))], 1);
  return op.output(sums!, [count, weights.shape[1]!, table.shape[1]!]);
}

type Grad = NativeCall<EmbeddingBagInputs & { dy: TensorInfo }>;

/** Gradients by table [rows, width] and by weights [n, heads], from that by the output. */
export const embeddingBagGradTable = (call: Grad): TensorInfo => gradient(call, 'table');
export const embeddingBagGradWeights = (call: Grad): TensorInfo => gradient(call, 'weights');

function gradient({ inputs, backend }: Grad, by: 'table' | 'weights'): TensorInfo {
  using op = operations(backend);
  const { dy, table, weights, indices, bags } = inputs;
  const name = by === 'table' ? 'PerigeeEmbeddingBagGradTable' : 'PerigeeEmbeddingBagGradWeights';
  const [slopes] = op.own(name, [dy, table, weights, indices, bags].map(op.input), 1);
  return op.output(slopes!, inputs[by].shape);
}
