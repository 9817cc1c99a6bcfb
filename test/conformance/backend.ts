import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BackendName, openBackend } from '../../batch/backend/index.ts';
import { attentionBag, embeddingBag, sparseSoftmaxCrossEntropy } from '../../batch/backend/ops.ts';
import { cosineDecay, createAdamW } from '../../batch/training/optimiser.ts';
import { normal, seededRandom } from '../../batch/training/random.ts';
import { type SoftmaxRow, softmaxLists, softmaxReference } from '../fixtures/softmax-lists.ts';
import { layerCases } from './layers.ts';

type Values = readonly Float64Array[];

/** An operation of our models beside its formula in float64. */
export interface Case {
  readonly shapes: readonly (readonly number[])[];
  readonly run: (...inputs: tf.Tensor[]) => tf.Tensor;
  readonly reference: (...inputs: Float64Array[]) => Float64Array;
}

const [m, k, n] = [5, 7, 3];
const rows = [3, 0, 3, 1, 2, 3];
const bags = [0, 0, 1, 1, 1, 3];
const [days, steps] = [
  [1.5, 0, 2, 0.5, 0, 0],
  [1, 0, 2, 1, 0, 0],
];
const kinds = [1, 0.5, 1, 0.2, 1, 1];
const softmaxRows: SoftmaxRow[] = [
  { targets: [[1, 0.5]], excluded: [0] },
  {
    targets: [
      [1, 0.25],
      [3, 1],
    ],
    excluded: [0],
  },
  { targets: [] },
];
const int = (values: readonly number[]): tf.Tensor1D => tf.tensor1d([...values], 'int32');
const each = (f: (x: number) => number) => (x: Float64Array) => x.map(f);

const product = (a: Float64Array, b: Float64Array, flipA: boolean, flipB: boolean): Float64Array =>
  Float64Array.from({ length: m * n }, (_, at) => {
    const [row, column] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let i = 0; i < k; i++)
      sum += a[flipA ? i * m + row : row * k + i]! * b[flipB ? column * k + i : i * n + column]!;
    return sum;
  });

const products = [0, 1, 2, 3].map((bits): [string, Case] => {
  const [flipA, flipB] = [(bits & 1) > 0, (bits & 2) > 0];
  return [
    `matMul ${flipA ? 'aᵀ' : 'a'}·${flipB ? 'bᵀ' : 'b'}`,
    {
      shapes: [flipA ? [k, m] : [m, k], flipB ? [n, k] : [k, n]],
      run: (a, b) => tf.matMul(a!, b!, flipA, flipB),
      reference: (a, b) => product(a!, b!, flipA, flipB),
    },
  ];
});

/** What two-tower and EASE are made of. */
const cases: readonly [string, Case][] = [
  ...products,
  [
    'add',
    {
      shapes: [
        [m, n],
        [m, n],
      ],
      run: (a, b) => tf.add(a!, b!),
      reference: (a, b) => a!.map((x, i) => x + b![i]!),
    },
  ],
  [
    'sub, broadcast',
    {
      shapes: [[m, n], [n]],
      run: (a, b) => tf.sub(a!, b!),
      reference: (a, b) => a!.map((x, i) => x - b![i % n]!),
    },
  ],
  [
    'mul, broadcast',
    {
      shapes: [
        [m, n],
        [m, 1],
      ],
      run: (a, b) => tf.mul(a!, b!),
      reference: (a, b) => a!.map((x, i) => x * b![Math.floor(i / n)]!),
    },
  ],
  [
    'div',
    {
      shapes: [[m, n], [n]],
      run: (a, b) => tf.div(a!, tf.add(tf.square(b!), 1)),
      reference: (a, b) => a!.map((x, i) => x / (b![i % n]! ** 2 + 1)),
    },
  ],
  ['exp', { shapes: [[m, n]], run: (x) => tf.exp(x!), reference: each(Math.exp) }],
  [
    'sqrt and log1p',
    {
      shapes: [[m, n]],
      run: (x) => tf.sqrt(tf.log1p(tf.add(tf.square(x!), 1))),
      reference: each((x) => Math.sqrt(Math.log1p(x * x + 1))),
    },
  ],
  [
    'sum of everything',
    {
      shapes: [[m, n]],
      run: (x) => tf.sum(x!),
      reference: (x) => Float64Array.of(x!.reduce((a, b) => a + b, 0)),
    },
  ],
  [
    'reshape and expandDims',
    { shapes: [[m, n]], run: (x) => tf.expandDims(tf.reshape(x!, [n, m]), 2), reference: (x) => x! },
  ],
  [
    'gather of rows',
    {
      shapes: [[4, n]],
      run: (x) => tf.gather(x!, int(rows)),
      reference: (x) =>
        Float64Array.from({ length: rows.length * n }, (_, i) => x![rows[Math.floor(i / n)]! * n + (i % n)]!),
    },
  ],
  [
    'unsortedSegmentSum',
    {
      shapes: [[rows.length, n]],
      run: (x) => tf.unsortedSegmentSum(x as tf.Tensor2D, int(bags), 4),
      reference: (x) => {
        const out = new Float64Array(4 * n);
        for (const [i, value] of x!.entries()) out[bags[Math.floor(i / n)]! * n + (i % n)]! += value;
        return out;
      },
    },
  ],
  [
    'embeddingBag',
    {
      shapes: [
        [4, k],
        [rows.length, 3],
      ],
      run: (table, weights) =>
        embeddingBag(table as tf.Tensor2D, weights as tf.Tensor2D, int(rows), int(bags), 4),
      reference: (table, weights) => {
        const out = new Float64Array(4 * 3 * k);
        for (const [i, row] of rows.entries())
          for (let head = 0; head < 3; head++)
            for (let j = 0; j < k; j++)
              out[(bags[i]! * 3 + head) * k + j]! += weights![i * 3 + head]! * table![row * k + j]!;
        return out;
      },
    },
  ],
  [
    'attentionBag',
    {
      shapes: [
        [4, k],
        [4, 2],
        [1, 2],
        [1, 2],
      ],
      run: (table, gates, position, age) =>
        attentionBag(
          table as tf.Tensor2D,
          gates as tf.Tensor2D,
          position as tf.Tensor2D,
          age as tf.Tensor2D,
          {
            count: 4,
            items: int(rows),
            bags: int(bags),
            ages: tf.tensor1d(days),
            positions: tf.tensor1d(steps),
            weights: tf.tensor1d(kinds),
          },
        ),
      reference: (table, gates, position, age) => {
        const out = new Float64Array(4 * 2 * k);
        for (let head = 0; head < 2; head++) {
          const attention = rows.map(
            (row, i) =>
              kinds[i]! *
              Math.exp(
                gates![row * 2 + head]! + Math.log1p(steps[i]!) * position![head]! + days[i]! * age![head]!,
              ),
          );
          for (const [i, row] of rows.entries()) {
            const total = attention.reduce((sum, a, other) => sum + (bags[other] === bags[i] ? a : 0), 1e-12);
            for (let j = 0; j < k; j++)
              out[(bags[i]! * 2 + head) * k + j]! +=
                (attention[i]! * table![row * k + j]!) / Math.sqrt(total);
          }
        }
        return out;
      },
    },
  ],
  [
    'sparseSoftmaxCrossEntropy',
    {
      shapes: [[3, 4], [4]],
      run: (z, bias) =>
        sparseSoftmaxCrossEntropy(z as tf.Tensor2D, softmaxLists(softmaxRows), bias as tf.Tensor1D),
      reference: (z, bias) => Float64Array.of(softmaxReference(softmaxRows, z!, bias!)),
    },
  ],
];

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const randoms = (shape: readonly number[], seed: number): Float64Array =>
  Float64Array.from({ length: size(shape) }, normal(seededRandom(seed))).map(Math.fround);
const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

/** Slopes of `dy · reference` by central differences in float64: exact to about 1e-9. */
function slopes({ reference }: Case, inputs: Values, dy: Float64Array): Float64Array[] {
  return inputs.map((input, at) =>
    input.map((value, i) => {
      const shifted = (by: number) => dot(reference(...inputs.with(at, input.with(i, value + by))), dy);
      return (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
    }),
  );
}

function expectClose(found: ArrayLike<number>, expected: Float64Array): void {
  expect(found.length).toBe(expected.length);
  for (const [i, value] of expected.entries())
    expect(Math.abs(found[i]! - value), `value ${i}`).toBeLessThan(2e-5 * Math.max(1, Math.abs(value)));
}

/** Loss after each step of a two-layer softmax model, trained from the same start. */
export function trainSmall(steps: number): number[] {
  const variableOf = (shape: [number, number], seed: number) =>
    tf.tidy(() =>
      tf.variable(
        tf.tensor2d(
          Float32Array.from(randoms(shape, seed), (x) => x / 4),
          shape,
        ),
      ),
    );
  const parameters = { table: variableOf([40, 16], 1), query: variableOf([16, 16], 2) };
  using optimiser = createAdamW(parameters, { learningRate: 0.01 });
  const losses = Array.from({ length: steps }, (_, step) =>
    tf.tidy(() => {
      const { value, grads } = tf.variableGrads(() => {
        const items = Array.from({ length: 24 }, (_, i) => (i * 7 + step * 3) % 40);
        const own = int(Array.from({ length: 24 }, (_, i) => i >> 2));
        const table = parameters.table as tf.Tensor as tf.Tensor2D;
        const sums = embeddingBag(table, tf.ones([24, 1]), int(items), own, 6);
        const query = tf.matMul(tf.reshape(sums, [6, 16]), parameters.query as tf.Tensor as tf.Tensor2D);
        const next = Array.from({ length: 6 }, (_, row) => (items[row * 4]! + 1) % 40);
        const logits = tf.matMul(query, table, false, true) as tf.Tensor2D;
        return sparseSoftmaxCrossEntropy(
          logits,
          softmaxLists(next.map((item) => ({ targets: [[item, 1 / 6]] }))),
        );
      }, Object.values(parameters));
      optimiser.update(
        { table: grads[parameters.table.name]!, query: grads[parameters.query.name]! },
        step + 1,
      );
      return value.dataSync()[0]!;
    }),
  );
  tf.dispose(parameters);
  return losses;
}

/** Values, means and variances of `size` numbers under AdamW in float64, each number given a gradient or 0 at every step. */
function denseAdamW(initial: Float64Array, { rateOf, beta2, weightDecay }: typeof rowOptions) {
  const x = initial.slice();
  const [m, v] = [new Float64Array(x.length), new Float64Array(x.length)];
  return {
    state: [x, m, v] as const,
    step(number: number, gradient: Float64Array): void {
      const rate = rateOf(number);
      for (let i = 0; i < x.length; i++) {
        m[i] = 0.9 * m[i]! + 0.1 * gradient[i]!;
        v[i] = beta2 * v[i]! + (1 - beta2) * gradient[i]! ** 2;
        const scale = Math.sqrt(v[i]! / (1 - beta2 ** number)) + 1e-8;
        x[i] = x[i]! * (1 - rate * weightDecay) - (rate * (m[i]! / (1 - 0.9 ** number))) / scale;
      }
    },
  };
}

const rowOptions = { rateOf: cosineDecay(0.02, 0.1, 300), beta2: 0.98, weightDecay: 0.1 };

/** Bytes of memory that the process holds when JavaScript has given back what it can. */
function residentAfterCollection(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().rss;
}

/** What every backend must do. */
export function testBackend(name: BackendName): void {
  describe(`backend ${name}`, () => {
    beforeAll(async () => void (await openBackend(name)));

    it.each([...cases, ...layerCases])(
      '%s agrees with float64, forward and backward, and leaves nothing behind',
      (_, one) => {
        const inputs = one.shapes.map((shape, i) => randoms(shape, i + 1));
        const expected = one.reference(...inputs);
        const dy = randoms([expected.length], 9);
        const before = tf.memory().numTensors;
        const [y, ...gradients] = tf.tidy(() => {
          const tensors = inputs.map((x, i) => tf.tensor(Float32Array.from(x), [...one.shapes[i]!]));
          const out = one.run(...tensors);
          const from = tf.tensor(Float32Array.from(dy), out.shape);
          return [out, ...tf.grads((...xs: tf.Tensor[]) => one.run(...xs))(tensors, from)].map((t) =>
            t.dataSync(),
          );
        });
        expect(tf.memory().numTensors).toBe(before);
        expectClose(y!, expected);
        for (const [i, expectedSlopes] of slopes(one, inputs, dy).entries())
          expectClose(gradients[i]!, expectedSlopes);
      },
    );

    it('rounds integers', () => {
      expect(tf.tidy(() => Array.from(tf.round(int([1, -2, 3])).dataSync()))).toEqual([1, -2, 3]);
    });

    it('values that were read stay as they were when the optimiser goes on', () => {
      const value = tf.variable(tf.tensor1d([1, 2]));
      using optimiser = createAdamW({ value }, { learningRate: 0.1 });
      tf.tidy(() => optimiser.update({ value: tf.tensor1d([1, 1]) }, 1));
      const read = value.dataSync();
      const copy = Array.from(read);
      tf.tidy(() => optimiser.update({ value: tf.tensor1d([1, 1]) }, 2));
      if (name === 'native') expect(Array.from(read)).toEqual(copy);
      expect(Array.from(value.dataSync())).not.toEqual(copy);
      value.dispose();
    });

    it.each([[[60, 5]], [[60]]])(
      'AdamW by rows of a table %j is AdamW whose other gradients are 0',
      (shape) => {
        const initial = randoms(shape, 3);
        const width = initial.length / 60;
        const reference = denseAdamW(initial, rowOptions);
        const value = tf.variable(tf.tensor(Float32Array.from(initial), shape));
        const { rateOf, ...options } = rowOptions;
        using optimiser = createAdamW({ value }, { ...options, learningRate: rateOf, byRows: ['value'] });
        const random = seededRandom(7);
        const tensors = tf.memory().numTensors;
        // Rows from always to one step in hundreds, some never.
        const chance = Array.from({ length: 60 }, (_, row) => (row < 3 ? 0 : 0.7 ** (row / 3)));
        const state = () =>
          [value, optimiser.state['adamW.mean.value']!, optimiser.state['adamW.variance.value']!].map(
            (tensor) => Float64Array.from(tensor.dataSync()),
          );
        for (let step = 1; step <= 300; step++) {
          const touched = Int32Array.from(chance.keys()).filter((row) => random() < chance[row]!);
          const gradient = randoms([60 * width], 100 + step).map((slope, i) =>
            touched.includes(Math.floor(i / width)) ? slope : 0,
          );
          const slopesOfRows = Float32Array.from(
            [...touched].flatMap((row) => [...gradient.subarray(row * width, (row + 1) * width)]),
          );
          reference.step(step, gradient);
          tf.tidy(() => {
            optimiser.settle(step - 1, { value: touched });
            const slopesTensor = tf.tensor(slopesOfRows, [touched.length, ...shape.slice(1)]);
            optimiser.update({ value: slopesTensor }, step, { value: touched });
          });
        }
        const distance = () =>
          Math.max(
            ...state().flatMap((found, at) =>
              Array.from(found, (x, i) => {
                const wanted = reference.state[at]![i]!;
                return Math.abs(x - wanted) / Math.max(1, Math.abs(wanted));
              }),
            ),
          );
        expect(distance()).toBeGreaterThan(1e-3);
        optimiser.settle(300);
        expect(distance()).toBeLessThan(1e-5);
        expect(tf.memory().numTensors).toBe(tensors);
        value.dispose();
      },
    );

    it('2,000 steps leave no tensor and no growing memory', () => {
      trainSmall(300);
      const tensors = tf.memory().numTensors;
      const buffers = tf.backend() as unknown as { numDataIds(): number };
      const held = buffers.numDataIds();
      const growth = [0, 1, 2, 3].map(() => {
        const before = residentAfterCollection();
        trainSmall(500);
        return (residentAfterCollection() - before) / 1e6;
      });
      expect(tf.memory().numTensors).toBe(tensors);
      expect(buffers.numDataIds()).toBe(held);
      // All that a step makes is some 20 kB: kept, it would be 10 MB in each of the four, not only where an allocator takes more once.
      expect(Math.min(...growth)).toBeLessThan(5);
    });
  });
}
