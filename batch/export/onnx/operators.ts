import { dataType, type ElementType, type Graph, type Value } from './graph.ts';

/**
 * One function an ONNX operator, named as the operator; what each computes is defined at
 * https://onnx.ai/onnx/operators/. Shapes broadcast as in NumPy. Axes may be negative. A number in place of a value
 * is a float32 scalar.
 */
export type Operand = Value | number;

const unary =
  (operator: string) =>
  (x: Value): Value =>
    x.graph.node(operator, [x])[0]!;

const binary =
  (operator: string) =>
  (a: Operand, b: Operand): Value => {
    const graph = graphOf(a, b);
    return graph.node(operator, [asValue(graph, a), asValue(graph, b)])[0]!;
  };

function graphOf(...operands: readonly Operand[]): Graph {
  for (const operand of operands) if (typeof operand !== 'number') return operand.graph;
  throw new TypeError('onnx: an operator needs at least one value, found numbers only');
}

const asValue = (graph: Graph, operand: Operand): Value =>
  typeof operand === 'number' ? graph.scalar(operand) : operand;

export const Add = binary('Add');
export const Sub = binary('Sub');
export const Mul = binary('Mul');
export const Div = binary('Div');
export const Pow = binary('Pow');
export const Max = binary('Max');
export const Min = binary('Min');

/** Comparisons yield bool. */
export const Greater = binary('Greater');
export const GreaterOrEqual = binary('GreaterOrEqual');
export const Less = binary('Less');
export const LessOrEqual = binary('LessOrEqual');
export const Equal = binary('Equal');
export const And = binary('And');
export const Or = binary('Or');
export const Not = unary('Not');

export const Neg = unary('Neg');
export const Abs = unary('Abs');
export const Sqrt = unary('Sqrt');
export const Reciprocal = unary('Reciprocal');
export const Exp = unary('Exp');
export const Log = unary('Log');
export const Sin = unary('Sin');
export const Cos = unary('Cos');
export const Tanh = unary('Tanh');
export const Sigmoid = unary('Sigmoid');
export const Softplus = unary('Softplus');
export const Relu = unary('Relu');
export const Identity = unary('Identity');

/** Hendrycks and Gimpel 2016; `tanh` is the approximation that most frameworks train with. */
export const Gelu = (x: Value, approximate: 'none' | 'tanh' = 'none'): Value =>
  x.graph.node('Gelu', [x], { approximate })[0]!;

/** x where x ≥ 0, else alpha · x. */
export const LeakyRelu = (x: Value, alpha = 0.01): Value =>
  x.graph.node('LeakyRelu', [x], { alpha: { float: alpha } })[0]!;

/** x where x ≥ 0, else alpha · (eˣ − 1). */
export const Elu = (x: Value, alpha = 1): Value => x.graph.node('Elu', [x], { alpha: { float: alpha } })[0]!;

/** `condition` is bool; numbers are float32. */
export const Where = (condition: Value, then: Operand, otherwise: Operand): Value => {
  const { graph } = condition;
  return graph.node('Where', [condition, asValue(graph, then), asValue(graph, otherwise)])[0]!;
};

export const Cast = (x: Value, to: ElementType): Value => x.graph.node('Cast', [x], { to: dataType(to) })[0]!;

/** [… , m, k] × [… , k, n] → [… , m, n]. */
export const MatMul = (a: Value, b: Value): Value => a.graph.node('MatMul', [a, b])[0]!;

/** a · b + c for matrices, with transposition as asked. */
export const Gemm = (
  a: Value,
  b: Value,
  c?: Value,
  { transA = false, transB = false }: { transA?: boolean; transB?: boolean } = {},
): Value => a.graph.node('Gemm', [a, b, c], { transA: Number(transA), transB: Number(transB) })[0]!;

export interface ConvOptions {
  /** Begin of each spatial axis, then end of each: a causal 1-d convolution of k taps has `[(k − 1) · dilation, 0]`. */
  readonly pads?: readonly number[];
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  /** As many as channels: a depthwise convolution. */
  readonly group?: number;
}

/** x [batch, channels, …], w [filters, channels / group, …], b [filters] → [batch, filters, …]. */
export const Conv = (x: Value, w: Value, b?: Value, options: ConvOptions = {}): Value =>
  x.graph.node('Conv', [x, w, b], { ...options })[0]!;

type Reduction = (x: Value, axes: readonly number[], options?: { keepDimensions?: boolean }) => Value;
const reduction =
  (operator: string): Reduction =>
  (x, axes, { keepDimensions = false } = {}) =>
    x.graph.node(operator, [x, x.graph.integers(axes)], { keepdims: Number(keepDimensions) })[0]!;

/** Reductions drop their axes unless told to keep them with size 1. */
export const ReduceSum = reduction('ReduceSum');
export const ReduceMean = reduction('ReduceMean');
export const ReduceMax = reduction('ReduceMax');
export const ReduceMin = reduction('ReduceMin');
export const ReduceSumSquare = reduction('ReduceSumSquare');
export const ReduceL2 = reduction('ReduceL2');
export const ReduceLogSumExp = reduction('ReduceLogSumExp');

export const Softmax = (x: Value, axis = -1): Value => x.graph.node('Softmax', [x], { axis })[0]!;
export const LogSoftmax = (x: Value, axis = -1): Value => x.graph.node('LogSoftmax', [x], { axis })[0]!;

/** (x − mean) / √(variance + epsilon) · scale + bias over the axes from `axis` on. */
export const LayerNormalization = (x: Value, scale: Value, bias?: Value, epsilon = 1e-5, axis = -1): Value =>
  x.graph.node('LayerNormalization', [x, scale, bias], { axis, epsilon: { float: epsilon } })[0]!;

/** x / √(mean(x²) + epsilon) · scale over the axes from `axis` on (Zhang and Sennrich 2019). */
export const RMSNormalization = (x: Value, scale: Value, epsilon = 1e-5, axis = -1): Value =>
  x.graph.node('RMSNormalization', [x, scale], { axis, epsilon: { float: epsilon } })[0]!;

/** Sum of the first i elements along `axis` (without the i-th where exclusive). */
export const CumSum = (x: Value, axis: number, { exclusive = false, reverse = false } = {}): Value =>
  x.graph.node('CumSum', [x, x.graph.integers([axis])], {
    exclusive: Number(exclusive),
    reverse: Number(reverse),
  })[0]!;

/** Runtime sizes of x as int64 [rank]. */
export const Shape = (x: Value): Value => x.graph.node('Shape', [x])[0]!;

/** A size of 0 copies that of x, −1 takes what is left. */
export const Reshape = (x: Value, shape: Value | readonly number[]): Value =>
  x.graph.node('Reshape', [x, integers(x.graph, shape)])[0]!;

/** Broadcasts x to `shape`. */
export const Expand = (x: Value, shape: Value | readonly number[]): Value =>
  x.graph.node('Expand', [x, integers(x.graph, shape)])[0]!;

export const Transpose = (x: Value, permutation: readonly number[]): Value =>
  x.graph.node('Transpose', [x], { perm: permutation })[0]!;
export const Unsqueeze = (x: Value, axes: readonly number[]): Value =>
  x.graph.node('Unsqueeze', [x, x.graph.integers(axes)])[0]!;
export const Squeeze = (x: Value, axes: readonly number[]): Value =>
  x.graph.node('Squeeze', [x, x.graph.integers(axes)])[0]!;
export const Concat = (values: readonly Value[], axis: number): Value =>
  graphOf(...values).node('Concat', values, { axis })[0]!;
export const Tile = (x: Value, repeats: readonly number[]): Value =>
  x.graph.node('Tile', [x, x.graph.integers(repeats)])[0]!;

/** x of size Σ sizes along `axis`, cut into parts of those sizes. */
export const Split = (x: Value, sizes: readonly number[], axis: number): readonly Value[] =>
  x.graph.node('Split', [x, x.graph.integers(sizes)], { axis }, sizes.length);

/** As JavaScript's slice along one axis: negative counts from the end, and `end` left out is the end. */
export const Slice = (x: Value, axis: number, start: number, end = 2 ** 31 - 1): Value =>
  x.graph.node('Slice', [
    x,
    x.graph.integers([start]),
    x.graph.integers([end]),
    x.graph.integers([axis]),
  ])[0]!;

/** Zeros, or `value`, around x: begin of every axis, then end of every axis. */
export const Pad = (x: Value, pads: readonly number[], value = 0): Value =>
  x.graph.node('Pad', [x, x.graph.integers(pads), x.graph.scalar(value)])[0]!;

/** Rows of x along `axis` at int64 `indices`. */
export const Gather = (x: Value, indices: Value | readonly number[], axis = 0): Value =>
  x.graph.node('Gather', [x, integers(x.graph, indices)], { axis })[0]!;

/** Element of x along `axis` for each element of int64 `indices`, which has x's rank. */
export const GatherElements = (x: Value, indices: Value, axis: number): Value =>
  x.graph.node('GatherElements', [x, indices], { axis })[0]!;

const integers = (graph: Graph, values: Value | readonly number[]): Value =>
  'graph' in values ? values : graph.integers(values);
