import {
  Add,
  Concat,
  graph,
  Linear,
  MatMul,
  Pad,
  ReduceMax,
  Relu,
  Reshape,
  Slice,
  Transpose,
  type Value,
} from '../export/onnx/index.ts';
import { parameterNames, type Shape } from './caser-network.ts';
import { historyTable, type Weights } from './sequence-network.ts';

/** What queriesAt computes, for the newest event of one history of 1 … L events. */
export function encoderOnnx({ maxHistory, horizontal, vertical }: Shape, parameters: Weights): Uint8Array {
  const g = graph('caser');
  const parameter = (name: string): Value =>
    g.weights(name, parameters[name]!.dataSync() as Float32Array, parameters[name]!.shape);
  const dimensions = historyTable(parameters).shape[1];
  const rows = g.input('rows', [1, 'L', dimensions]);
  // L events, zeros before the first.
  const lately = Slice(Pad(rows, [0, maxHistory, 0, 0, 0, 0]), 1, -maxHistory);
  const newestFirst = Reshape(
    Concat(
      Array.from({ length: maxHistory }, (_, back) =>
        Slice(lately, 1, maxHistory - 1 - back, maxHistory - back),
      ),
      1,
    ),
    [maxHistory, dimensions],
  );
  const features: Value[] = [];
  for (let height = 1; height <= maxHistory; height++) {
    const names = parameterNames.horizontal(height);
    const places = maxHistory - height + 1;
    const stretches = Concat(
      Array.from({ length: places }, (_, first) =>
        Reshape(Slice(newestFirst, 0, first, first + height), [1, height * dimensions]),
      ),
      0,
    );
    const most = ReduceMax(MatMul(stretches, parameter(names.kernel)), [0], { keepDimensions: true });
    features.push(Reshape(Relu(Add(most, parameter(names.bias))), [1, horizontal]));
  }
  const across = MatMul(Transpose(parameter(parameterNames.vertical), [1, 0]), newestFirst);
  features.push(Reshape(across, [1, vertical * dimensions]));
  const { kernel, bias } = parameterNames.output;
  const query = Relu(Linear(Concat(features, 1), parameter(kernel), parameter(bias)));
  g.output('query', query, [1, dimensions]);
  return g.encode();
}
