import {
  Add,
  Div,
  graph,
  LayerNormalization,
  Linear,
  MatMul,
  Max,
  ReduceSumSquare,
  Silu,
  Slice,
  Sqrt,
  Tanh,
  type Value,
  WeightedSum,
} from '../export/onnx/index.ts';
import { normEpsilon } from '../training/layers.ts';
import { residualLayers, type Tensors } from './mult-vae-network.ts';

/** The way from a history to its query, the mean's and not a draw's, as ONNX. */
export function encoderOnnx(parameters: Tensors): Uint8Array {
  const g = graph('mult-vae');
  const weights = (name: string): Value =>
    g.weights(name, parameters[name]!.dataSync() as Float32Array, parameters[name]!.shape);
  const linear = (x: Value, layer: string): Value =>
    Linear(x, weights(`${layer}.kernel`), weights(`${layer}.bias`));
  const hidden = parameters['history.bias']!.size;
  const itemWeights = g.input('itemWeights', [1, 'L']);
  const sum = WeightedSum(g.input('rows', [1, 'L', hidden]), itemWeights);
  // A history in which nothing counts is pooled to 0, not to 0 / 0.
  const norm = Max(Sqrt(ReduceSumSquare(itemWeights, [1], { keepDimensions: true })), 1e-12);
  const pooled = Div(sum, norm);
  const layers = residualLayers(parameters);
  let h = Add(pooled, weights('history.bias'));
  h = layers.length > 0 ? Silu(h) : Tanh(h);
  for (const layer of layers) {
    if (layer !== 'input') h = Add(h, Silu(linear(h, layer)));
    h = LayerNormalization(h, weights(`${layer}.scale`), weights(`${layer}.shift`), normEpsilon);
  }
  const deep = Slice(linear(h, 'code'), 1, 0, parameters['code.bias']!.size / 2);
  const mean = parameters['code.shortcut'] ? Add(deep, MatMul(pooled, weights('code.shortcut'))) : deep;
  const query = parameters['decoder.kernel'] ? Tanh(linear(mean, 'decoder')) : mean;
  g.output('query', query, [1, parameters['items']!.shape[1]!]);
  return g.encode();
}
