import type { RankerInput } from '../../shared/features.ts';
import {
  Add,
  Cast,
  Concat,
  Div,
  Equal,
  Gather,
  Greater,
  graph,
  Linear,
  Log,
  MatMul,
  Mul,
  Pad,
  ReduceMin,
  ReduceSum,
  Relu,
  Reshape,
  Sigmoid,
  Slice,
  Softmax,
  Split,
  Sub,
  Transpose,
  Unsqueeze,
  type Value,
  Where,
} from '../export/onnx/index.ts';
import type { Calibration } from '../ranking/calibration.ts';
import { parameterNames, type Shape, type Weights } from './ctr-ranker-network.ts';

/** Dimensions of two rows that are compared to find out whether they are of the same item. */
const comparedDimensions = 8;
const minusInfinity = -1e9;

export const rankerInputsOf = (context: readonly string[]): RankerInput[] => [
  ...(['candidates', 'rows', 'present', 'ages', 'weights', 'positions'] as const),
  ...(context.length > 0 ? (['context'] as const) : []),
];

/** What `logits` of ctr-ranker-network.ts computes, for C candidates of one user, as calibrated probabilities. */
export function rankerOnnx(
  weights: Weights,
  shape: Shape,
  context: readonly string[],
  { slope, offset }: Calibration,
): Uint8Array {
  const names = parameterNames;
  const g = graph('ctr-ranker');
  const p = (name: string): Value =>
    g.weights(name, weights[name]!.dataSync() as Float32Array, weights[name]!.shape);
  const candidates = g.input('candidates', ['C', shape.dimensions]);
  const rows = g.input('rows', [1, 'L', shape.dimensions]);
  const column = (name: 'present' | 'ages' | 'weights' | 'positions'): Value =>
    Unsqueeze(g.input(name, [1, 'L']), [2]);
  const [present, ages, eventWeights, positions] = [
    column('present'),
    column('ages'),
    column('weights'),
    column('positions'),
  ];
  const liked = Mul(present, Cast(Greater(eventWeights, 0), 'float32'));
  const signs = Concat([liked, Sub(present, liked)], 2);
  const features = Concat(
    [signs, Mul(present, ages), Mul(present, Log(Add(positions, 1))), Mul(present, eventWeights)],
    2,
  );
  const expected = Sigmoid(Linear(rows, p(names.expected), p(names.expectedBias)));
  const surprise = Sub(liked, Mul(present, expected));
  const perCandidate = (x: Value): Value => Mul(x, Slice(onesFor(candidates), 1, 0, 1));

  const sums = ReduceSum(signs, [1]);
  const total = ReduceSum(sums, [1], { keepDimensions: true });
  const counts = Concat([sums, total], 1);
  const shares = Div(1, Add(counts, 1));
  const rate = Div(Add(Slice(sums, 1, 0, 1), 1), Add(total, 2));
  const pools = MatMul(Transpose(Concat([signs, surprise], 2), [0, 2, 1]), rows);
  const means = Reshape(Mul(pools, Unsqueeze(shares, [2])), [1, -1]);
  const surprised = Mul(ReduceSum(surprise, [1]), Slice(shares, 1, 2));
  const facts = Concat([Log(Add(sums, 1)), rate, shares], 1);
  const summary = Relu(Linear(Concat([means, surprised, facts], 1), p(names.summary), p(names.summaryBias)));
  const [user, affinity] = Split(summary, [shape.dimensions, shape.dimensions], 1) as [Value, Value];

  const heads = (x: Value, order: readonly number[]): Value =>
    Transpose(Reshape(x, [-1, shape.heads, shape.headWidth]), order);
  const nothingFirst = (x: Value): Value => Pad(x, [0, 1, 0, 0, 0, 0]);
  const keys = Add(MatMul(rows, p(names.key)), MatMul(features, p(names.keyEvent)));
  const values = MatMul(Concat([Mul(rows, surprise), signs, surprise], 2), p(names.value));
  const queries = Div(Linear(candidates, p(names.query), p(names.queryBias)), Math.sqrt(shape.headWidth));
  const padding = Where(Greater(nothingFirst(Sub(1, present)), 0.5), minusInfinity, 0);
  const match = Add(
    MatMul(heads(queries, [1, 0, 2]), heads(nothingFirst(keys), [1, 2, 0])),
    Transpose(padding, [0, 2, 1]),
  );
  const pooled = MatMul(Softmax(match), heads(nothingFirst(values), [1, 0, 2]));
  const attended = Reshape(Transpose(pooled, [1, 0, 2]), [-1, shape.heads * shape.headWidth]);

  const begin = (x: Value): Value => Slice(x, -1, 0, comparedDimensions);
  const same = Cast(Equal(Unsqueeze(begin(candidates), [1]), begin(rows)), 'float32');
  const matches = Log(Add(Reshape(MatMul(ReduceMin(same, [2]), Reshape(signs, [-1, 2])), [-1, 2]), 1));
  const parts = [
    candidates,
    perCandidate(user),
    Mul(affinity, MatMul(candidates, p(names.affinity))),
    attended,
    Mul(attended, MatMul(candidates, p(names.gate))),
  ];
  if (context.length > 0) {
    const numbers = Cast(g.input('context', [1, context.length], 'int32'), 'int64');
    for (let feature = 0; feature < context.length; feature++) {
      const row = Gather(p(names.context(feature)), Reshape(Slice(numbers, 1, feature, feature + 1), [1]));
      parts.push(perCandidate(row));
    }
  }
  const x0 = Concat([...parts, matches], 1);
  let x = x0;
  for (let layer = 0; layer < shape.crossLayers; layer++) {
    const low = MatMul(x, p(names.crossIn(layer)));
    x = Add(Mul(x0, Linear(low, p(names.crossOut(layer)), p(names.crossBias(layer)))), x);
  }
  let deep = x0;
  for (let layer = 0; layer < shape.hidden.length; layer++)
    deep = Relu(Linear(deep, p(names.hidden(layer)), p(names.hiddenBias(layer))));
  const logit = Linear(Concat([x, deep], 1), p(names.logit), p(names.logitBias));
  g.output('probability', Reshape(Sigmoid(Add(Mul(logit, slope), offset)), [-1]), ['C']);
  return g.encode();
}

/** [C, D] of ones, for broadcasting. */
const onesFor = (x: Value): Value => Add(Mul(x, 0), 1);
