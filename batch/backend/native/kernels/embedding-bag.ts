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

/** Gradients by table [rows, width] and by weights [n, heads], from that by the output. */
export function embeddingBagGrad({
  inputs: { dy, table, weights, indices, bags },
  backend,
}: NativeCall<EmbeddingBagInputs & { dy: TensorInfo }>): TensorInfo[] {
  using op = operations(backend);
  const inputs = [dy, table, weights, indices, bags].map(op.input);
  const [byTable, byWeights] = op.own('PerigeeEmbeddingBagGrad', inputs, 2);
  return [op.output(byTable!, table.shape), op.output(byWeights!, weights.shape)];
}
