import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { NativeCall } from '../native-backend.ts';
import { operations } from '../operations.ts';

type Shape = readonly number[];
type Call = NativeCall<Readonly<Record<string, TensorInfo>>, { readonly numbers: readonly number[] }>;

/** Shapes of an operation's outputs, from those of its inputs and its numbers. */
type ShapesOf = (inputs: readonly Shape[], numbers: readonly number[]) => readonly Shape[];

const spreads = ([x]: readonly Shape[]): Shape => [x![0]!, 2];

/** Operations of layers.h by the kernel's name. */
const shapes: Readonly<Record<string, ShapesOf>> = {
  RmsNorm: (inputs) => [inputs[0]!, spreads(inputs)],
  RmsNormGrad: ([, x, scale]) => [x!, scale!],
  LayerNorm: (inputs) => [inputs[0]!, spreads(inputs)],
  LayerNormGrad: ([, x, scale, shift]) => [x!, scale!, shift!],
  Silu: ([x]) => [x!],
  SiluGrad: ([, x, bias]) => [x!, bias!],
  Dropout: ([x]) => [x!],
  DropoutGrad: ([, x]) => [x!],
  Reparametrise: ([mean]) => [mean!],
  ReparametriseGrad: ([, mean]) => [mean!, mean!],
  Divergence: () => [[]],
  DivergenceGrad: ([, mean]) => [mean!, mean!],
  Beside: ([x], [, many]) => [[x![0]!, x![1]! * many!]],
  BesideGrad: ([, x]) => [x!],
  CausalConvolution: ([x]) => [x!],
  CausalConvolutionGrad: ([, x, filters]) => [x!, filters!],
};

/** Tensors are taken in the order in which they are given, the numbers after them. */
const kernel =
  (name: string, shapesOf: ShapesOf) =>
  ({ inputs, backend, attrs: { numbers } }: Call): TensorInfo[] => {
    using op = operations(backend);
    const tensors = Object.values(inputs);
    const handles = tensors.map(op.input);
    if (numbers.length > 0) handles.push(op.integers([numbers.length], Int32Array.from(numbers)));
    const outputs = shapesOf(
      tensors.map(({ shape }) => shape),
      numbers,
    );
    const results = op.own(`Perigee${name}`, handles, outputs.length);
    return outputs.map((shape, at) => op.output(results[at]!, shape));
  };

export const layers = Object.fromEntries(
  Object.entries(shapes).map(([name, shapesOf]) => [name, kernel(name, shapesOf)]),
);
