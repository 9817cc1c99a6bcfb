import type * as tf from '@tensorflow/tfjs-core';
import {
  Add,
  BesideEarlier,
  Cast,
  Conv,
  Gather,
  type Graph,
  graph,
  MatMul,
  Mul,
  ReduceSum,
  RMSNormalization,
  Silu,
  Slice,
  Sub,
  Transpose,
  Unsqueeze,
  type Value,
} from '../export/onnx/index.ts';
import { normEpsilon } from '../training/layers.ts';
import { neighbours, parameterNames } from './conv-sequence-network.ts';
import { historyTable, type Weights } from './sequence-network.ts';

export const encoderInputs = ['rows', 'weights', 'positions'] as const;

/**
 * What queriesAt computes, for the newest event of one history of 1 … L events. Only the last block's newest event is needed, so
 * its convolution is a weighted sum.
 */
export function encoderOnnx(parameters: Weights): Uint8Array {
  const g = graph('conv-sequence');
  const parameter = (name: string): Value => {
    const { shape } = parameters[name]!;
    const values = parameters[name]!.dataSync() as Float32Array;
    return g.weights(name, values, shape);
  };
  const dimensions = historyTable(parameters).shape[1];
  const weights = g.input('weights', [1, 'L']);
  let h = Mul(g.input('rows', [1, 'L', dimensions]), Math.sqrt(dimensions));
  const positions = g.input('positions', [1, 'L']);
  if (parameters[parameterNames.kind])
    h = Add(h, MatMul(Unsqueeze(Sub(weights, 1), [2]), parameter(parameterNames.kind)));
  let query = h;
  for (let block = 0; parameters[parameterNames.block(block).mix]; block++) {
    const names = parameterNames.block(block);
    const isLast = parameters[parameterNames.block(block + 1).mix] === undefined;
    const m = BesideEarlier(RMSNormalization(h, parameter(names.input), normEpsilon), neighbours);
    const values = Silu(MatMul(m, parameter(names.value)));
    const at = (x: Value): Value => (isLast ? newest(x) : x);
    const gates = Silu(MatMul(at(m), parameter(names.gate)));
    const y = isLast
      ? ReduceSum(Mul(values, Gather(parameter(names.filters), Cast(positions, 'int64'))), [1], {
          keepDimensions: true,
        })
      : convolve(g, values, names.filters, parameters[names.filters]!);
    const gated = Mul(RMSNormalization(y, parameter(names.output), normEpsilon), gates);
    h = Add(at(h), MatMul(gated, parameter(names.mix)));
    query = h;
  }
  query = RMSNormalization(newest(query), parameter(parameterNames.query), normEpsilon);
  g.output('query', ReduceSum(query, [1]), [1, dimensions]);
  return g.encode();
}

/** The newest event: [1, L, width] → [1, 1, width]. */
const newest = (x: Value): Value => Slice(x, 1, -1);

/** A causal convolution in ONNX slides filters that begin with their oldest tap: [channels, 1, taps]. */
function convolve(g: Graph, values: Value, name: string, filters: tf.Tensor): Value {
  const [taps, channels] = filters.shape as [number, number];
  const own = filters.dataSync();
  const turned = Float32Array.from({ length: taps * channels }, (_, i) => {
    const tap = taps - 1 - (i % taps);
    return own[tap * channels + Math.floor(i / taps)]!;
  });
  const kernel = g.weights(name, turned, [channels, 1, taps]);
  const byChannel = Transpose(values, [0, 2, 1]);
  return Transpose(Conv(byChannel, kernel, undefined, { pads: [taps - 1, 0], group: channels }), [0, 2, 1]);
}
