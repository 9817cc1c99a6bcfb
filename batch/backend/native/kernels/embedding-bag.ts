import type { TensorInfo } from '@tensorflow/tfjs-core';
import { assertIndices, type EmbeddingBagInputs } from '../../kernels/embedding-bag.ts';
import type { NativeBackend, NativeCall } from '../native-backend.ts';
import { type Handle, type Operations, operations } from '../operations.ts';

/**
 * The bags' weights as a sparse matrix S of [count · heads, rows] in coordinates: the output is S · table, the table's gradient
 * Sᵀ · dy.
 */
function sparseWeights(
  op: Operations,
  backend: NativeBackend,
  { table, weights, indices, bags }: EmbeddingBagInputs,
  count: number,
): [places: Handle, values: Handle, shape: Handle] {
  const heads = weights.shape[1]!;
  const rowOf = backend.readSync(indices.dataId) as Int32Array;
  const bagOf = backend.readSync(bags.dataId) as Int32Array;
  assertIndices(rowOf, bagOf, table.shape[0]!, count);
  const entries = rowOf.length * heads;
  const places = new Int32Array(entries * 2);
  for (let i = 0, at = 0; i < rowOf.length; i++) {
    for (let head = 0; head < heads; head++) {
      places[at++] = bagOf[i]! * heads + head;
      places[at++] = rowOf[i]!;
    }
  }
  return [
    op.integers([entries, 2], places),
    op.reshape(op.input(weights), [entries]),
    op.longs([count * heads, table.shape[0]!]),
  ];
}

const sparse = { T: 'float', Tindices: 'int' } as const;

/** See ops.ts for the formula. */
export function embeddingBag({
  inputs,
  backend,
  attrs: { count },
}: NativeCall<EmbeddingBagInputs, { count: number }>): TensorInfo {
  using op = operations(backend);
  const { table, weights } = inputs;
  const shape = [count, weights.shape[1]!, table.shape[1]!];
  const matrix = sparseWeights(op, backend, inputs, count);
  const sums = op.run('SparseTensorDenseMatMul', [...matrix, op.input(table)], sparse);
  return op.output(op.reshape(sums, shape), shape);
}

/** Gradients by table [rows, width] and by weights [n, heads], from that by the output. */
export function embeddingBagGrad({
  inputs,
  backend,
}: NativeCall<EmbeddingBagInputs & { dy: TensorInfo }>): TensorInfo[] {
  using op = operations(backend);
  const { table, dy } = inputs;
  const [count, heads, width] = dy.shape as [number, number, number];
  const matrix = sparseWeights(op, backend, inputs, count);
  const slopes = op.reshape(op.input(dy), [count * heads, width]);
  const byTable = op.run('SparseTensorDenseMatMul', [...matrix, slopes], sparse, { adjoint_a: true });
  return [op.output(byTable, table.shape), slopesOfWeights(op, backend, inputs)];
}

/** Dot products of rows of the table with rows of dy, [n, heads], heads in pairs. */
function slopesOfWeights(
  op: Operations,
  backend: NativeBackend,
  { table, weights, indices, bags, dy }: EmbeddingBagInputs & { dy: TensorInfo },
): TensorInfo {
  const width = table.shape[1]!;
  const heads = weights.shape[1]!;
  const values = backend.readSync(table.dataId) as Float32Array;
  const slopes = backend.readSync(dy.dataId) as Float32Array;
  const rowOf = backend.readSync(indices.dataId) as Int32Array;
  const bagOf = backend.readSync(bags.dataId) as Int32Array;
  const out = new Float32Array(rowOf.length * heads);
  for (let i = 0; i < rowOf.length; i++) {
    const row = rowOf[i]! * width;
    for (let head = 0; head < heads; head += 2) {
      const first = (bagOf[i]! * heads + head) * width;
      const paired = head + 1 < heads;
      const second = paired ? first + width : first;
      let dot = 0;
      let secondDot = 0;
      for (let j = 0; j < width; j++) {
        const value = values[row + j]!;
        dot += slopes[first + j]! * value;
        secondDot += slopes[second + j]! * value;
      }
      out[i * heads + head] = dot;
      if (paired) out[i * heads + head + 1] = secondDot;
    }
  }
  return op.output(op.floats(weights.shape, out), weights.shape);
}
