import * as tf from '@tensorflow/tfjs-core';
import { besideEarlier, causalConvolution } from '../../batch/training/causal-convolution.ts';
import { reparametrise, weightedDivergence } from '../../batch/training/gaussian-code.ts';
import { layerNorm, rmsNorm, silu } from '../../batch/training/layers.ts';
import type { Case } from './backend.ts';

/** Two sequences of seven events, time-major. */
const [length, sequences] = [7, 2];
const rows = length * sequences;
/** More than a vector of the processor holds, and not a multiple of it. */
const width = 19;
const epsilon = 1e-5;
const noise = Float64Array.from({ length: rows * width }, (_, i) => Math.fround(Math.sin(3 * i)));

/** f of each row of a matrix. */
const byRow =
  (f: (row: Float64Array, number: number) => number[], across = width) =>
  (x: Float64Array): Float64Array =>
    Float64Array.from(
      Array.from({ length: x.length / across }, (_, r) =>
        f(x.subarray(r * across, (r + 1) * across), r),
      ).flat(),
    );
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

/** Layers of networks, which backends have as one kernel or composed. */
export const layerCases: readonly [string, Case][] = [
  [
    'rmsNorm',
    {
      shapes: [[rows, width], [width]],
      run: (x, scale) => rmsNorm(x as tf.Tensor2D, scale!),
      reference: (x, scale) =>
        byRow((row) => {
          const length = Math.sqrt(mean([...row].map((value) => value * value)) + epsilon);
          return [...row].map((value, j) => (value / length) * scale![j]!);
        })(x!),
    },
  ],
  [
    'layerNorm',
    {
      shapes: [[rows, width], [width], [width]],
      run: (x, scale, shift) => layerNorm(x as tf.Tensor2D, scale!, shift!),
      reference: (x, scale, shift) =>
        byRow((row) => {
          const middle = mean([...row]);
          const spread = Math.sqrt(mean([...row].map((value) => (value - middle) ** 2)) + epsilon);
          return [...row].map((value, j) => ((value - middle) / spread) * scale![j]! + shift![j]!);
        })(x!),
    },
  ],
  [
    'silu',
    {
      shapes: [[rows, width]],
      run: (x) => silu(tf.mul(x!, 9) as tf.Tensor2D),
      reference: (x) => x!.map((value) => 9 * value * sigmoid(9 * value)),
    },
  ],
  [
    'silu of a sum with a bias',
    {
      shapes: [[rows, width], [width]],
      run: (x, bias) => silu(x as tf.Tensor2D, bias),
      reference: (x, bias) =>
        byRow((row) => [...row].map((value, j) => (value + bias![j]!) * sigmoid(value + bias![j]!)))(x!),
    },
  ],
  [
    'a code drawn from a normal distribution',
    {
      shapes: [
        [rows, width],
        [rows, width],
      ],
      run: (centre, spread) =>
        reparametrise(
          centre as tf.Tensor2D,
          spread as tf.Tensor2D,
          tf.tensor2d(Float32Array.from(noise), [rows, width]),
        ),
      reference: (centre, spread) => centre!.map((x, i) => x + Math.exp(spread![i]! / 2) * noise[i]!),
    },
  ],
  [
    'divergence from the normal distribution',
    {
      shapes: [
        [rows, width],
        [rows, width],
      ],
      run: (centre, spread) =>
        weightedDivergence(
          centre as tf.Tensor2D,
          spread as tf.Tensor2D,
          tf.tensor1d(Float32Array.from(noise.subarray(0, rows))),
        ),
      reference: (centre, spread) =>
        Float64Array.of(
          centre!.reduce((sum, x, i) => {
            const term = x * x + Math.exp(spread![i]!) - spread![i]! - 1;
            return sum + noise[Math.floor(i / width)]! * term;
          }, 0),
        ),
    },
  ],
  ...[1, 2].map((dilation): [string, Case] => [
    `earlier events beside each other, ${dilation} apart`,
    {
      shapes: [[rows, width]],
      run: (x) => besideEarlier(x as tf.Tensor2D, sequences, 3, dilation),
      reference: (x) =>
        byRow((_, r) =>
          [0, 1, 2].flatMap((back) => {
            const from = r - back * dilation * sequences;
            return Array.from({ length: width }, (_, j) => (from < 0 ? 0 : x![from * width + j]!));
          }),
        )(x!),
    },
  ]),
  ...[length, length + 3].map((taps): [string, Case] => [
    `causal convolution of ${length} events by ${taps} taps`,
    {
      shapes: [
        [rows, width],
        [taps, width],
      ],
      run: (x, filters) => causalConvolution(x as tf.Tensor2D, filters as tf.Tensor2D, length),
      reference: (x, filters) =>
        byRow((_, r) =>
          Array.from({ length: width }, (_, j) => {
            let sum = 0;
            for (let back = 0; r - back * sequences >= 0; back++)
              sum += filters![back * width + j]! * x![(r - back * sequences) * width + j]!;
            return sum;
          }),
        )(x!),
    },
  ]),
];
