import type { TensorInfo } from '@tensorflow/tfjs-core';
import {
  type AdamWAttributes,
  type AdamWInputs,
  type AdamWRowsInputs,
  ratesOf,
  type SettleRowsInputs,
} from '../../../kernels/adam-w.ts';
import type { NativeBackend, NativeCall } from '../../native-backend.ts';
import { type Handle, type Operations, operations } from '../../operations.ts';

interface State {
  readonly value: Handle;
  readonly mean: Handle;
  readonly variance: Handle;
}

const arithmetic = (op: Operations) => ({
  run: (name: string, ...inputs: Handle[]): Handle => op.run(name, inputs, { T: 'float' }),
  number: (x: number): Handle => op.floats([], Float32Array.of(x)),
});

/** The step of kernels/adam-w.ts in TensorFlow's operations. */
function stepped(op: Operations, before: State, slope: Handle, attributes: AdamWAttributes): State {
  const { run, number } = arithmetic(op);
  const { rate, correction, keep, beta1, beta2, epsilon } = ratesOf(attributes);
  const blend = (kept: number, old: Handle, added: Handle): Handle =>
    run('AddV2', run('Mul', number(kept), old), run('Mul', number(1 - kept), added));
  const mean = blend(beta1, before.mean, slope);
  const variance = blend(beta2, before.variance, run('Square', slope));
  const scale = run('AddV2', run('Sqrt', run('Mul', variance, number(correction))), number(epsilon));
  const move = run('RealDiv', run('Mul', number(rate), mean), scale);
  return { value: run('Sub', run('Mul', number(keep), before.value), move), mean, variance };
}

export function composedAdamW({
  inputs: { value, gradient, mean, variance },
  backend,
  attrs,
}: NativeCall<AdamWInputs, AdamWAttributes>): TensorInfo[] {
  using op = operations(backend);
  const before = { value: op.input(value), mean: op.input(mean), variance: op.input(variance) };
  const after = stepped(op, before, op.input(gradient), attrs);
  for (const [name, tensor] of Object.entries({ value, mean, variance }))
    replace(backend, tensor, op.release(after[name as keyof State]));
  return [];
}

export function composedAdamWRows({
  inputs: { gradient, last, rows, ...tensors },
  backend,
  attrs,
}: NativeCall<AdamWRowsInputs, AdamWAttributes>): TensorInfo[] {
  using op = operations(backend);
  const before = rowsOf(op, tensors, op.input(rows));
  const after = stepped(op, before, op.input(gradient), attrs);
  putBack(backend, op, tensors, rows, after);
  mark(backend, op, last, rows, attrs.step);
  return [];
}

export function composedSettleRows({
  inputs: { last, rows, factors, ...tensors },
  backend,
  attrs: { step, epsilon },
}: NativeCall<SettleRowsInputs, { step: number; epsilon: number }>): TensorInfo[] {
  using op = operations(backend);
  const { run, number } = arithmetic(op);
  const before = rowsOf(op, tensors, op.input(rows));
  const given = backend.readSync(factors.dataId) as Float32Array;
  const shape = [rows.shape[0]!, ...tensors.value.shape.slice(1).map(() => 1)];
  const [keep, drift, meanLeft, varianceLeft] = [0, 1, 2, 3].map((of) =>
    op.floats(
      shape,
      given.filter((_, at) => at % 4 === of),
    ),
  ) as [Handle, Handle, Handle, Handle];
  const scale = run('AddV2', run('Sqrt', before.variance), number(epsilon));
  const move = run('RealDiv', run('Mul', drift, before.mean), scale);
  const after = {
    value: run('Sub', run('Mul', keep, before.value), move),
    mean: run('Mul', meanLeft, before.mean),
    variance: run('Mul', varianceLeft, before.variance),
  };
  putBack(backend, op, tensors, rows, after);
  mark(backend, op, last, rows, step);
  return [];
}

type Tensors = Omit<AdamWInputs, 'gradient'>;

function rowsOf(op: Operations, { value, mean, variance }: Tensors, rows: Handle): State {
  const gather = (tensor: TensorInfo): Handle =>
    op.run('GatherV2', [op.input(tensor), rows, op.integers([], Int32Array.of(0))], {
      Tparams: 'float',
      Tindices: 'int',
      Taxis: 'int',
    });
  return { value: gather(value), mean: gather(mean), variance: gather(variance) };
}

function putBack(
  backend: NativeBackend,
  op: Operations,
  { value, mean, variance }: Tensors,
  rows: TensorInfo,
  after: State,
): void {
  for (const [name, tensor] of Object.entries({ value, mean, variance }))
    scatter(backend, op, tensor, rows, after[name as keyof State]);
}

const mark = (
  backend: NativeBackend,
  op: Operations,
  last: TensorInfo,
  rows: TensorInfo,
  step: number,
): void =>
  scatter(backend, op, last, rows, op.floats([...rows.shape], new Float32Array(rows.shape[0]!).fill(step)));

function scatter(
  backend: NativeBackend,
  op: Operations,
  tensor: TensorInfo,
  rows: TensorInfo,
  values: Handle,
): void {
  const places = op.integers([rows.shape[0]!, 1], backend.readSync(rows.dataId) as Int32Array);
  const types = { T: 'float', Tindices: 'int' } as const;
  replace(
    backend,
    tensor,
    op.release(op.run('TensorScatterUpdate', [op.input(tensor), places, values], types)),
  );
}

function replace({ tensorMap, binding }: NativeBackend, tensor: TensorInfo, handle: Handle): void {
  const data = tensorMap.get(tensor.dataId);
  if (data.id >= 0) binding.deleteTensor(data.id);
  data.id = handle;
  data.values = null;
}
