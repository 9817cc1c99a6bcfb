import type { RankerInput } from '../../shared/features.ts';
import {
  Add,
  Cast,
  Concat,
  Div,
  Equal,
  Gather,
  type Graph,
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
import { parameterNames as names, type Shape, type Weights } from './ctr-ranker-parameters.ts';

/** Dimensions of two rows that are compared to find out whether they are of the same item. */
const comparedDimensions = 4;
const minusInfinity = -1e9;

export const rankerInputsOf = (context: readonly string[]): RankerInput[] => [
  ...(['candidates', 'rows', 'present', 'ages', 'weights', 'positions'] as const),
  ...(context.length > 0 ? (['context'] as const) : []),
];

/** A parameter by its name. */
type Parameter = (name: string) => Value;

/** What `logits` of ctr-ranker-network.ts computes, for C candidates of one user, as calibrated probabilities. */
export function rankerOnnx(
  weights: Weights,
  shape: Shape,
  context: readonly string[],
  { slope, offset }: Calibration,
): Uint8Array {
  const g = graph('ctr-ranker');
  const p: Parameter = (name) =>
    g.weights(name, weights[name]!.dataSync() as Float32Array, weights[name]!.shape);
  const candidates = g.input('candidates', ['C', shape.dimensions]);
  const history = readHistory(g, p, shape);
  const [user, affinity] = summarise(p, shape, history);
  const attended = attend(p, shape, candidates, history);
  const ones = Add(Mul(Slice(candidates, 1, 0, 1), 0), 1);
  const perCandidate = (x: Value): Value => Mul(x, ones);
  const x0 = Concat(
    [
      candidates,
      perCandidate(user),
      Mul(affinity, MatMul(candidates, p(names.affinity))),
      attended,
      Mul(attended, MatMul(candidates, p(names.gate))),
      ...contextVectors(g, p, context).map(perCandidate),
      matches(candidates, history),
    ],
    1,
  );
  const logit = Linear(
    Concat([cross(p, shape, x0), deep(p, shape, x0)], 1),
    p(names.logit),
    p(names.logitBias),
  );
  g.output('probability', Reshape(Sigmoid(Add(Mul(logit, slope), offset)), [-1]), ['C']);
  return g.encode();
}

/** Of the events of a history: [1, L, …] each. */
interface Events {
  readonly rows: Value;
  readonly present: Value;
  /** Liked and disliked. */
  readonly signs: Value;
  readonly surprise: Value;
  readonly features: Value;
}

function readHistory(g: Graph, p: Parameter, { dimensions }: Shape): Events {
  const rows = g.input('rows', [1, 'L', dimensions]);
  const [present, ages, weights, positions] = (['present', 'ages', 'weights', 'positions'] as const).map(
    (name) => Unsqueeze(g.input(name, [1, 'L']), [2]),
  ) as [Value, Value, Value, Value];
  const liked = Mul(present, Cast(Greater(weights, 0), 'float32'));
  const signs = Concat([liked, Sub(present, liked)], 2);
  const place = Mul(present, Log(Add(positions, 1)));
  const features = Concat([signs, Mul(present, ages), place, Mul(present, weights)], 2);
  const expected = Sigmoid(Linear(rows, p(names.expected), p(names.expectedBias)));
  return { rows, present, signs, features, surprise: Sub(liked, Mul(present, expected)) };
}

/** u and u′, [1, D] each. */
function summarise(p: Parameter, { dimensions }: Shape, { rows, signs, surprise }: Events): [Value, Value] {
  const sums = ReduceSum(signs, [1]);
  const total = ReduceSum(sums, [1], { keepDimensions: true });
  const shares = Div(1, Add(Concat([sums, total], 1), 1));
  const rate = Div(Add(Slice(sums, 1, 0, 1), 1), Add(total, 2));
  const pools = MatMul(Transpose(Concat([signs, surprise], 2), [0, 2, 1]), rows);
  const means = Reshape(Mul(pools, Unsqueeze(shares, [2])), [1, -1]);
  const surprised = Mul(ReduceSum(surprise, [1]), Slice(shares, 1, 2));
  const known = Concat([means, surprised, Log(Add(sums, 1)), rate, shares], 1);
  const summary = Relu(Linear(known, p(names.summary), p(names.summaryBias)));
  return Split(summary, [dimensions, dimensions], 1) as [Value, Value];
}

/** [C, heads · headWidth]; what comes first of every history is nothing. */
function attend(
  p: Parameter,
  { heads, headWidth }: Shape,
  candidates: Value,
  { rows, present, signs, surprise, features }: Events,
): Value {
  const byHead = (x: Value, order: readonly number[]): Value =>
    Transpose(Reshape(x, [-1, heads, headWidth]), order);
  const nothingFirst = (x: Value): Value => Pad(x, [0, 1, 0, 0, 0, 0]);
  const keys = Add(MatMul(rows, p(names.key)), MatMul(features, p(names.keyEvent)));
  const values = MatMul(Concat([Mul(rows, surprise), signs, surprise], 2), p(names.value));
  const queries = Div(Linear(candidates, p(names.query), p(names.queryBias)), Math.sqrt(headWidth));
  const padding = Where(Greater(nothingFirst(Sub(1, present)), 0.5), minusInfinity, 0);
  const match = Add(
    MatMul(byHead(queries, [1, 0, 2]), byHead(nothingFirst(keys), [1, 2, 0])),
    Transpose(padding, [0, 2, 1]),
  );
  const pooled = MatMul(Softmax(match), byHead(nothingFirst(values), [1, 0, 2]));
  return Reshape(Transpose(pooled, [1, 0, 2]), [-1, heads * headWidth]);
}

/** Of each context feature the vector of its value, [1, width]. */
function contextVectors(g: Graph, p: Parameter, context: readonly string[]): Value[] {
  if (context.length === 0) return [];
  const numbers = Cast(g.input('context', [1, context.length], 'int32'), 'int64');
  return context.map((_, feature) =>
    Gather(p(names.context(feature)), Reshape(Slice(numbers, 1, feature, feature + 1), [1])),
  );
}

/** log(1 + events of the history on this very item), liked and disliked: [C, 2]. */
function matches(candidates: Value, { rows, signs }: Events): Value {
  const begin = (x: Value): Value => Slice(x, -1, 0, comparedDimensions);
  const same = Cast(Equal(Unsqueeze(begin(candidates), [1]), begin(rows)), 'float32');
  return Log(Add(Reshape(MatMul(ReduceMin(same, [2]), Reshape(signs, [-1, 2])), [-1, 2]), 1));
}

function cross(p: Parameter, { crossLayers }: Shape, x0: Value): Value {
  let x = x0;
  for (let layer = 0; layer < crossLayers; layer++) {
    const low = MatMul(x, p(names.crossIn(layer)));
    x = Add(Mul(x0, Linear(low, p(names.crossOut(layer)), p(names.crossBias(layer)))), x);
  }
  return x;
}

const deep = (p: Parameter, { hidden }: Shape, x0: Value): Value =>
  hidden.reduce((x, _, layer) => Relu(Linear(x, p(names.hidden(layer)), p(names.hiddenBias(layer)))), x0);
