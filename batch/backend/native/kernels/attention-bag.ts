import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { AttentionBagGradInputs, AttentionBagInputs } from '../../kernels/attention-bag.ts';
import type { NativeCall } from '../native-backend.ts';
import { operations } from '../operations.ts';

/** See ops.ts for the formula; also the attention [n, heads] and its sums [count, heads]. */
export function attentionBag({
  inputs: { table, gates, position, age, items, bags, ages, positions, weights },
  backend,
  attrs: { count },
}: NativeCall<AttentionBagInputs, { count: number }>): TensorInfo[] {
  using op = operations(backend);
  const inputs = [table, gates, position, age, items, bags, ages, positions, weights].map(op.input);
  inputs.push(op.integers([1], Int32Array.of(count)));
  const [pooled, attention, totals] = op.own('PerigeeAttentionBag', inputs, 3);
  const heads = gates.shape[1]!;
  return [
    op.output(pooled!, [count, heads, table.shape[1]!]),
    op.output(attention!, [items.shape[0]!, heads]),
    op.output(totals!, [count, heads]),
  ];
}

/** Gradients by table, gates, position and age. */
export function attentionBagGrad({
  inputs: { dy, pooled, attention, totals, table, items, bags, ages, positions },
  backend,
}: NativeCall<AttentionBagGradInputs>): TensorInfo[] {
  using op = operations(backend);
  const inputs = [dy, pooled, attention, totals, table, items, bags, ages, positions].map(op.input);
  const [byTable, byGates, byPosition, byAge] = op.own('PerigeeAttentionBagGrad', inputs, 4);
  const heads = totals.shape[1]!;
  return [
    op.output(byTable!, table.shape),
    op.output(byGates!, [table.shape[0]!, heads]),
    op.output(byPosition!, [1, heads]),
    op.output(byAge!, [1, heads]),
  ];
}
