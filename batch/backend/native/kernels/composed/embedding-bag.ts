import type { TensorInfo } from '@tensorflow/tfjs-core';
import { assertIndices, type EmbeddingBagInputs } from '../../../kernels/embedding-bag.ts';
import type { NativeBackend, NativeCall } from '../../native-backend.ts';
import { type Handle, type Operations, operations } from '../../operations.ts';

/** Sums of gathered rows, in TensorFlow's operations; see ops.ts for the formula. */
export function composedEmbeddingBag({
  inputs,
  backend,
  attrs: { count },
}: NativeCall<EmbeddingBagInputs, { count: number }>): TensorInfo {
  using op = operations(backend);
  const { indices, bags, weights, table } = inputs;
  assertIndices(integersOf(backend, indices), integersOf(backend, bags), table.shape[0]!, count);
  const [n, heads] = weights.shape as [number, number];
  const width = table.shape[1]!;
  const rows = op.reshape(gather(op, op.input(table), op.input(indices)), [n, 1, width]);
  const factors = op.reshape(op.input(weights), [n, heads, 1]);
  const sums = segmentSum(op, op.run('Mul', [rows, factors], { T: 'float' }), op.input(bags), count);
  return op.output(sums, [count, heads, width]);
}

type Grad = NativeCall<EmbeddingBagInputs & { dy: TensorInfo }>;

/** Gradient by table [rows, width], from that by the output. */
export function composedEmbeddingBagGradTable({
  inputs: { dy, table, weights, indices, bags },
  backend,
}: Grad): TensorInfo {
  using op = operations(backend);
  const slopes = gather(op, op.input(dy), op.input(bags));
  const byRows = sumOfProducts(op, slopes, op.input(weights), [...weights.shape, 1], 1);
  return op.output(segmentSum(op, byRows, op.input(indices), table.shape[0]!), table.shape);
}

/** Gradient by weights [n, heads], from that by the output. */
export function composedEmbeddingBagGradWeights({
  inputs: { dy, table, weights, indices, bags },
  backend,
}: Grad): TensorInfo {
  using op = operations(backend);
  const slopes = gather(op, op.input(dy), op.input(bags));
  const rows = gather(op, op.input(table), op.input(indices));
  const shape = [weights.shape[0]!, 1, table.shape[1]!];
  return op.output(sumOfProducts(op, slopes, rows, shape, 2), weights.shape);
}

/** Σ over an axis of slopes · factors, which are brought into a shape first. */
const sumOfProducts = (
  op: Operations,
  slopes: Handle,
  factors: Handle,
  shape: readonly number[],
  axis: number,
): Handle =>
  op.run(
    'Sum',
    [
      op.run('Mul', [slopes, op.reshape(factors, shape)], { T: 'float' }),
      op.integers([1], Int32Array.of(axis)),
    ],
    { T: 'float', Tidx: 'int' },
  );

const integersOf = (backend: NativeBackend, { dataId }: TensorInfo): Int32Array =>
  backend.readSync(dataId) as Int32Array;

const gather = (op: Operations, values: Handle, indices: Handle): Handle =>
  op.run('GatherV2', [values, indices, op.integers([], Int32Array.of(0))], {
    Tparams: 'float',
    Tindices: 'int',
    Taxis: 'int',
  });

const segmentSum = (op: Operations, values: Handle, segments: Handle, count: number): Handle =>
  op.run('UnsortedSegmentSum', [values, segments, op.integers([], Int32Array.of(count))], {
    T: 'float',
    Tindices: 'int',
    Tnumsegments: 'int',
  });
