import { describe, expect, it } from 'vitest';
import { graph, type Value } from '../../../batch/export/onnx/graph.ts';
import * as operators from '../../../batch/export/onnx/operators.ts';
import { openOnnx } from '../../../batch/export/onnx/session.ts';

/** Every operator runs in the edge's own runtime and must agree with the formula written out in TypeScript. */
const a = [
  [0.5, -1.25, 2],
  [3, -0.125, 1.5],
] as const;
const b = [
  [2, 0.5, -1],
  [1.5, -0.125, 4],
] as const;

type Nested = number | readonly Nested[];
const flat = (values: Nested): number[] => (typeof values === 'number' ? [values] : values.flatMap(flat));
const shapeOf = (values: Nested): number[] =>
  typeof values === 'number' ? [] : [values.length, ...shapeOf(values[0]!)];
const each = (f: (x: number) => number): Nested => a.map((row) => row.map(f));
const pair = (f: (x: number, y: number) => number): Nested =>
  a.map((row, i) => row.map((x, j) => f(x, b[i]![j]!)));
const sum = (values: readonly number[]): number => values.reduce((total, x) => total + x, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const rows = (f: (row: readonly number[]) => Nested): Nested => a.map(f);
const softmax = (row: readonly number[]): number[] => row.map((x) => Math.exp(x) / sum(row.map(Math.exp)));

interface Case {
  /** What the operator yields for x = a, y = b as dynamic inputs. */
  readonly build: (x: Value, y: Value) => Value;
  readonly expected: Nested;
}

const {
  Add,
  Sub,
  Mul,
  Div,
  Pow,
  Max,
  Min,
  Greater,
  GreaterOrEqual,
  Less,
  LessOrEqual,
  Equal,
  And,
  Or,
  Not,
  Neg,
  Abs,
  Sqrt,
  Reciprocal,
  Exp,
  Log,
  Sin,
  Cos,
  Tanh,
  Sigmoid,
  Softplus,
  Relu,
  Identity,
  Gelu,
  LeakyRelu,
  Elu,
  Where,
  Cast,
  MatMul,
  Gemm,
  Conv,
  ReduceSum,
  ReduceMean,
  ReduceMax,
  ReduceMin,
  ReduceSumSquare,
  ReduceL2,
  ReduceLogSumExp,
  Softmax,
  LogSoftmax,
  LayerNormalization,
  RMSNormalization,
  CumSum,
  Shape,
  Reshape,
  Expand,
  Transpose,
  Unsqueeze,
  Squeeze,
  Concat,
  Tile,
  Split,
  Slice,
  Pad,
  Gather,
  GatherElements,
} = operators;

const truth = (condition: Value): Value => Cast(condition, 'float32');
const weights = (x: Value, values: readonly number[], name = 'w'): Value =>
  x.graph.weights(name, Float32Array.from(values), [values.length]);

const cases: Record<string, Case> = {
  Add: { build: Add, expected: pair((x, y) => x + y) },
  'Add a number': { build: (x) => Add(x, 2.5), expected: each((x) => x + 2.5) },
  Sub: { build: Sub, expected: pair((x, y) => x - y) },
  'Sub from a number': { build: (x) => Sub(1, x), expected: each((x) => 1 - x) },
  Mul: { build: Mul, expected: pair((x, y) => x * y) },
  Div: { build: Div, expected: pair((x, y) => x / y) },
  Pow: { build: (x) => Pow(x, 2), expected: each((x) => x * x) },
  Max: { build: Max, expected: pair(Math.max) },
  Min: { build: Min, expected: pair(Math.min) },
  Greater: { build: (x, y) => truth(Greater(x, y)), expected: pair((x, y) => Number(x > y)) },
  GreaterOrEqual: { build: (x, y) => truth(GreaterOrEqual(x, y)), expected: pair((x, y) => Number(x >= y)) },
  Less: { build: (x, y) => truth(Less(x, y)), expected: pair((x, y) => Number(x < y)) },
  LessOrEqual: { build: (x, y) => truth(LessOrEqual(x, y)), expected: pair((x, y) => Number(x <= y)) },
  Equal: { build: (x, y) => truth(Equal(x, y)), expected: pair((x, y) => Number(x === y)) },
  And: {
    build: (x, y) => truth(And(Greater(x, 0), Greater(y, 0))),
    expected: pair((x, y) => Number(x > 0 && y > 0)),
  },
  Or: {
    build: (x, y) => truth(Or(Greater(x, 0), Greater(y, 0))),
    expected: pair((x, y) => Number(x > 0 || y > 0)),
  },
  Not: { build: (x) => truth(Not(Greater(x, 0))), expected: each((x) => Number(!(x > 0))) },
  Neg: { build: Neg, expected: each((x) => -x) },
  Abs: { build: Abs, expected: each(Math.abs) },
  Sqrt: { build: (x) => Sqrt(Abs(x)), expected: each((x) => Math.sqrt(Math.abs(x))) },
  Reciprocal: { build: Reciprocal, expected: each((x) => 1 / x) },
  Exp: { build: Exp, expected: each(Math.exp) },
  Log: { build: (x) => Log(Abs(x)), expected: each((x) => Math.log(Math.abs(x))) },
  Sin: { build: Sin, expected: each(Math.sin) },
  Cos: { build: Cos, expected: each(Math.cos) },
  Tanh: { build: Tanh, expected: each(Math.tanh) },
  Sigmoid: { build: Sigmoid, expected: each((x) => 1 / (1 + Math.exp(-x))) },
  Softplus: { build: Softplus, expected: each((x) => Math.log1p(Math.exp(x))) },
  Relu: { build: Relu, expected: each((x) => Math.max(0, x)) },
  Identity: { build: Identity, expected: a },
  Gelu: {
    build: (x) => Gelu(x, 'tanh'),
    expected: each((x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))),
  },
  LeakyRelu: { build: (x) => LeakyRelu(x, 0.2), expected: each((x) => (x >= 0 ? x : 0.2 * x)) },
  Elu: { build: (x) => Elu(x, 1.5), expected: each((x) => (x >= 0 ? x : 1.5 * Math.expm1(x))) },
  Where: {
    build: (x, y) => Where(Greater(x, y), x, -7),
    expected: pair((x, y) => (x > y ? x : -7)),
  },
  Cast: { build: (x) => Cast(Cast(x, 'int64'), 'float32'), expected: each(Math.trunc) },
  MatMul: {
    build: (x, y) => MatMul(x, Transpose(y, [1, 0])),
    expected: a.map((row) => b.map((column) => sum(row.map((x, k) => x * column[k]!)))),
  },
  Gemm: {
    build: (x, y) => Gemm(x, y, weights(x, [10, 20]), { transB: true }),
    expected: a.map((row) => b.map((column, j) => sum(row.map((x, k) => x * column[k]!)) + [10, 20][j]!)),
  },
  'Conv, causal and dilated': {
    // x as [batch 1, channels 2, length 3]; one filter of 2 taps, 1 step apart, over both channels.
    build: (x) =>
      Conv(
        Unsqueeze(x, [0]),
        x.graph.weights('w', Float32Array.of(1, 2, 3, 4), [1, 2, 2]),
        weights(x, [0.5], 'b'),
        { pads: [2, 0], dilations: [2] },
      ),
    expected: [
      [
        [0, 1, 2].map(
          (t) =>
            0.5 + sum(a.map((channel, c) => [1, 3][c]! * (channel[t - 2] ?? 0) + [2, 4][c]! * channel[t]!)),
        ),
      ],
    ],
  },
  'Conv, depthwise': {
    build: (x) =>
      Conv(Unsqueeze(x, [0]), x.graph.weights('w', Float32Array.of(2, 3), [2, 1, 1]), undefined, {
        group: 2,
      }),
    expected: [a.map((channel, c) => channel.map((x) => x * [2, 3][c]!))],
  },
  ReduceSum: { build: (x) => ReduceSum(x, [1]), expected: rows(sum) },
  'ReduceSum over all, dimensions kept': {
    build: (x) => ReduceSum(x, [0, 1], { keepDimensions: true }),
    expected: [[sum(flat(a))]],
  },
  ReduceMean: { build: (x) => ReduceMean(x, [-1]), expected: rows(mean) },
  ReduceMax: { build: (x) => ReduceMax(x, [1]), expected: rows((row) => Math.max(...row)) },
  ReduceMin: { build: (x) => ReduceMin(x, [1]), expected: rows((row) => Math.min(...row)) },
  ReduceSumSquare: {
    build: (x) => ReduceSumSquare(x, [1]),
    expected: rows((row) => sum(row.map((x) => x * x))),
  },
  ReduceL2: { build: (x) => ReduceL2(x, [1]), expected: rows((row) => Math.hypot(...row)) },
  ReduceLogSumExp: {
    build: (x) => ReduceLogSumExp(x, [1]),
    expected: rows((row) => Math.log(sum(row.map(Math.exp)))),
  },
  Softmax: { build: (x) => Softmax(x), expected: rows(softmax) },
  LogSoftmax: { build: (x) => LogSoftmax(x), expected: rows((row) => softmax(row).map(Math.log)) },
  LayerNormalization: {
    build: (x) => LayerNormalization(x, weights(x, [1, 2, 3], 'scale'), weights(x, [4, 5, 6], 'bias'), 1e-3),
    expected: rows((row) => {
      const variance = mean(row.map((x) => (x - mean(row)) ** 2));
      return row.map((x, j) => ((x - mean(row)) / Math.sqrt(variance + 1e-3)) * (j + 1) + j + 4);
    }),
  },
  RMSNormalization: {
    build: (x) => RMSNormalization(x, weights(x, [1, 2, 3], 'scale'), 1e-3),
    expected: rows((row) =>
      row.map((x, j) => (x / Math.sqrt(mean(row.map((value) => value * value)) + 1e-3)) * (j + 1)),
    ),
  },
  CumSum: {
    build: (x) => CumSum(x, 1),
    expected: rows((row) => row.map((_, j) => sum(row.slice(0, j + 1)))),
  },
  'CumSum, exclusive, from the end': {
    build: (x) => CumSum(x, 1, { exclusive: true, reverse: true }),
    expected: rows((row) => row.map((_, j) => sum(row.slice(j + 1)))),
  },
  Shape: { build: (x) => Cast(Shape(x), 'float32'), expected: [2, 3] },
  Reshape: { build: (x) => Reshape(x, [3, -1]), expected: [0, 2, 4].map((i) => flat(a).slice(i, i + 2)) },
  'Reshape to a runtime shape': {
    build: (x) => Reshape(x, Gather(Shape(x), [1, 0])),
    expected: [0, 2, 4].map((i) => flat(a).slice(i, i + 2)),
  },
  Expand: { build: (x) => Expand(weights(x, [1, 2, 3]), Shape(x)), expected: rows(() => [1, 2, 3]) },
  Transpose: { build: (x) => Transpose(x, [1, 0]), expected: [0, 1, 2].map((j) => a.map((row) => row[j]!)) },
  Unsqueeze: { build: (x) => Unsqueeze(x, [1]), expected: a.map((row) => [row]) },
  Squeeze: { build: (x) => Squeeze(Slice(x, 0, 1), [0]), expected: a[1] },
  Concat: { build: (x, y) => Concat([x, y], 1), expected: a.map((row, i) => [...row, ...b[i]!]) },
  Tile: { build: (x) => Tile(x, [1, 2]), expected: a.map((row) => [...row, ...row]) },
  Split: {
    build: (x) => {
      const [first, rest] = Split(x, [1, 2], 1);
      return Concat([rest!, first!], 1);
    },
    expected: a.map(([first, ...rest]) => [...rest, first]),
  },
  Slice: { build: (x) => Slice(x, 1, 1), expected: a.map((row) => row.slice(1)) },
  'Slice from the end': { build: (x) => Slice(x, 1, -2, -1), expected: a.map((row) => row.slice(-2, -1)) },
  Pad: { build: (x) => Pad(x, [0, 1, 0, 2], 9), expected: a.map((row) => [9, ...row, 9, 9]) },
  Gather: { build: (x) => Gather(x, [2, 0], 1), expected: a.map((row) => [row[2], row[0]]) },
  GatherElements: {
    build: (x) => GatherElements(x, Cast(x.graph.weights('w', Float32Array.of(2, 1), [2, 1]), 'int64'), 1),
    expected: [[a[0][2]], [a[1][1]]],
  },
};

describe('ONNX operators in onnxruntime-web', () => {
  it.each(Object.entries(cases))('%s', async (_, { build, expected }) => {
    const g = graph('test');
    const x = g.input('x', ['rows', 'columns']);
    const y = g.input('y', ['rows', 'columns']);
    g.output(
      'result',
      Add(build(x, y), Mul(0, ReduceSum(y, [0, 1]))),
      shapeOf(expected).map((_, i) => `d${i}`),
    );
    await using session = await openOnnx(g.encode());
    const { result } = await session.run({
      x: { data: Float32Array.from(flat(a)), dimensions: [2, 3] },
      y: { data: Float32Array.from(flat(b)), dimensions: [2, 3] },
    });
    expect(result!.dimensions).toEqual(shapeOf(expected));
    const wanted = flat(expected);
    for (const [i, value] of result!.data.entries()) expect(value).toBeCloseTo(wanted[i]!, 5);
  });

  it('covers every operator that there is', () => {
    const tested = new Set(Object.keys(cases).map((name) => name.split(/[ ,]/)[0]));
    expect(Object.keys(operators).filter((name) => !tested.has(name))).toEqual([]);
  });
});
