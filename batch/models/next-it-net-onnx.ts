import {
  Add,
  BesideEarlier,
  graph,
  LayerNormalization,
  Linear,
  ReduceSum,
  Relu,
  Slice,
  type Value,
} from '../export/onnx/index.ts';
import { normEpsilon } from '../training/layers.ts';
import { dilationsOf, parameterNames, type Shape, taps } from './next-it-net-network.ts';
import { historyTable, type Weights } from './sequence-network.ts';

/** What queriesAt computes, for the newest event of one history of 1 … L events. */
export function encoderOnnx({ dilations }: Shape, parameters: Weights): Uint8Array {
  const g = graph('next-it-net');
  const parameter = (name: string): Value =>
    g.weights(name, parameters[name]!.dataSync() as Float32Array, parameters[name]!.shape);
  const dimensions = historyTable(parameters).shape[1];
  let h = g.input('rows', [1, 'L', dimensions]);
  for (const [block, dilation] of dilations.entries()) {
    let x = h;
    for (const [layer, apart] of dilationsOf(dilation).entries()) {
      const names = parameterNames.layer(block, layer);
      const y = Linear(BesideEarlier(x, taps, apart), parameter(names.kernel), parameter(names.bias));
      x = Relu(LayerNormalization(y, parameter(names.scale), parameter(names.shift), normEpsilon));
    }
    h = Add(h, x);
  }
  g.output('query', ReduceSum(Slice(h, 1, -1), [1]), [1, dimensions]);
  return g.encode();
}
