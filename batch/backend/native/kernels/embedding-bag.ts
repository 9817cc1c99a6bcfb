import type { TensorInfo } from '@tensorflow/tfjs-core';
import {
  assertIndices,
  type EmbeddingBagInputs,
  type Entries,
  slopesOfBags,
  sumBags,
} from '../../kernels/embedding-bag.ts';
import type { NativeBackend, NativeCall } from '../native-backend.ts';
import { operations } from '../operations.ts';

const entriesOf = (
  backend: NativeBackend,
  { table, weights, indices, bags }: EmbeddingBagInputs,
): Entries => ({
  values: backend.readSync(table.dataId) as Float32Array,
  factors: backend.readSync(weights.dataId) as Float32Array,
  rowOf: backend.readSync(indices.dataId) as Int32Array,
  bagOf: backend.readSync(bags.dataId) as Int32Array,
  heads: weights.shape[1]!,
  width: table.shape[1]!,
});

/** The loops of wasm's kernel: TensorFlow's sparse product took longer, and its gathers lay the rows out. */
export function embeddingBag({
  inputs,
  backend,
  attrs: { count },
}: NativeCall<EmbeddingBagInputs, { count: number }>): TensorInfo {
  using op = operations(backend);
  const entries = entriesOf(backend, inputs);
  assertIndices(entries.rowOf, entries.bagOf, inputs.table.shape[0]!, count);
  const shape = [count, entries.heads, entries.width];
  const sums = new Float32Array(count * entries.heads * entries.width);
  sumBags(entries, sums);
  return op.output(op.floats(shape, sums), shape);
}

/** Gradients by table [rows, width] and by weights [n, heads], from that by the output. */
export function embeddingBagGrad({
  inputs: { dy, ...inputs },
  backend,
}: NativeCall<EmbeddingBagInputs & { dy: TensorInfo }>): TensorInfo[] {
  using op = operations(backend);
  const entries = entriesOf(backend, inputs);
  const byTable = new Float32Array(entries.values.length);
  const byWeights = new Float32Array(entries.factors.length);
  slopesOfBags(entries, backend.readSync(dy.dataId) as Float32Array, byTable, byWeights);
  const { table, weights } = inputs;
  return [
    op.output(op.floats(table.shape, byTable), table.shape),
    op.output(op.floats(weights.shape, byWeights), weights.shape),
  ];
}
