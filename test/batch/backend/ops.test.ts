import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../../batch/backend/index.ts';
import { adamW, adamWRows, embeddingBag, sparseSoftmaxCrossEntropy } from '../../../batch/backend/ops.ts';
import { normal, seededRandom } from '../../../batch/training/random.ts';
import { type SoftmaxRow, softmaxLists, softmaxReference } from '../../fixtures/softmax-lists.ts';

beforeAll(async () => {
  await openBackend();
});

const randoms = (size: number, seed: number): Float64Array =>
  Float64Array.from({ length: size }, normal(seededRandom(seed)));
const expectClose = (found: ArrayLike<number>, expected: ArrayLike<number>, digits = 5) => {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < found.length; i++) expect(found[i]).toBeCloseTo(expected[i]!, digits);
};

/** Slope of a float64 function at each coordinate, by central differences. */
function slopes(f: (x: Float64Array) => number, x: Float64Array): Float64Array {
  const step = 1e-5;
  return x.map((value, i) => {
    const shifted = (by: number) => f(x.with(i, value + by));
    return (shifted(step) - shifted(-step)) / (2 * step);
  });
}

describe('embeddingBag', () => {
  const [rows, width, count] = [5, 7, 4];
  // A run of five in one bag, single entries, a repeated row, an empty bag (2), a bag that comes back (0).
  const indices = [0, 3, 3, 1, 4, 2, 0, 4];
  const bags = [0, 0, 0, 0, 0, 1, 3, 0];

  const reference = (heads: number, table: Float64Array, weights: Float64Array): Float64Array => {
    const out = new Float64Array(count * heads * width);
    for (const [i, row] of indices.entries())
      for (let head = 0; head < heads; head++)
        for (let j = 0; j < width; j++)
          out[(bags[i]! * heads + head) * width + j]! += weights[i * heads + head]! * table[row * width + j]!;
    return out;
  };

  it.each([1, 2, 3])('agrees with float64 sums and their slopes, %i heads', (heads) => {
    const table = randoms(rows * width, 1);
    const weights = randoms(indices.length * heads, 2);
    const dy = randoms(count * heads * width, 3);
    const dot = (out: Float64Array) => out.reduce((sum, value, i) => sum + value * dy[i]!, 0);
    const before = tf.memory().numTensors;
    const [found, byTable, byWeights] = tf.tidy(() => {
      const inputs = [
        tf.tensor2d(Float32Array.from(table), [rows, width]),
        tf.tensor2d(Float32Array.from(weights), [indices.length, heads]),
      ];
      const bag = (t: tf.Tensor, w: tf.Tensor) =>
        embeddingBag(
          t as tf.Tensor2D,
          w as tf.Tensor2D,
          tf.tensor1d(indices, 'int32'),
          tf.tensor1d(bags, 'int32'),
          count,
        );
      const gradients = tf.grads(bag)(inputs, tf.tensor3d(Float32Array.from(dy), [count, heads, width]));
      return [bag(inputs[0]!, inputs[1]!), ...gradients].map((tensor) => tensor.dataSync());
    });
    expect(tf.memory().numTensors).toBe(before);
    expectClose(found!, reference(heads, table, weights));
    expectClose(
      byTable!,
      slopes((t) => dot(reference(heads, t, weights)), table),
    );
    expectClose(
      byWeights!,
      slopes((w) => dot(reference(heads, table, w)), weights),
    );
  });

  it('refuses a row and a bag that do not exist, and leaves nothing behind', () => {
    const bag = (index: number, to: number) => () =>
      tf.tidy(() =>
        embeddingBag(
          tf.ones([2, 3]),
          tf.ones([1, 1]),
          tf.tensor1d([index], 'int32'),
          tf.tensor1d([to], 'int32'),
          1,
        ),
      );
    const before = tf.memory().numTensors;
    expect(bag(2, 0)).toThrow('expected a row in 0…1, found 2');
    expect(bag(0, -1)).toThrow('expected a bag in 0…0, found -1');
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('sparseSoftmaxCrossEntropy', () => {
  const [count, columns] = [3, 6];
  const rows: SoftmaxRow[] = [
    {
      targets: [
        [1, 0.5],
        [4, 0.25],
      ],
      excluded: [0],
    },
    { targets: [[2, 1]], excluded: [3, 4] },
    { targets: [[0, 2]] },
  ];

  it.each([false, true])('agrees with the float64 formula and its slopes, with bias: %s', (withBias) => {
    const logits = randoms(count * columns, 4).map((value) => 3 * value);
    const bias = withBias ? randoms(columns, 6) : new Float64Array(columns);
    const before = tf.memory().numTensors;
    const [loss, ...gradients] = tf.tidy(() => {
      const { value, grads } = tf.valueAndGrads((z: tf.Tensor, b: tf.Tensor) => {
        const shift = withBias ? (b as tf.Tensor1D) : undefined;
        const sum = sparseSoftmaxCrossEntropy(z as tf.Tensor2D, softmaxLists(rows), shift);
        return tf.add(tf.mul(3, sum), withBias ? 0 : tf.mul(0, tf.sum(b))) as tf.Scalar;
      })([tf.tensor2d(Float32Array.from(logits), [count, columns]), tf.tensor1d(Float32Array.from(bias))]);
      return [value, ...grads].map((tensor) => tensor.dataSync());
    });
    expect(tf.memory().numTensors).toBe(before);
    expect(loss![0]).toBeCloseTo(3 * softmaxReference(rows, logits, bias), 4);
    expectClose(
      gradients[0]!,
      slopes((z) => 3 * softmaxReference(rows, z, bias), logits),
      4,
    );
    for (const [row, { excluded = [] }] of rows.entries())
      for (const column of excluded) expect(gradients[0]![row * columns + column]).toBe(0);
    const byBias = withBias ? slopes((b) => 3 * softmaxReference(rows, logits, b), bias) : bias;
    expectClose(gradients[1]!, byBias, 4);
  });

  it('refuses a column that does not exist, and leaves nothing behind', () => {
    const before = tf.memory().numTensors;
    const loss = (row: SoftmaxRow) => () =>
      tf.tidy(() => sparseSoftmaxCrossEntropy(tf.ones([1, 2]), softmaxLists([row])));
    expect(loss({ targets: [[2, 1]] })).toThrow('expected target in 0…1, found 2');
    expect(loss({ targets: [[1, 1]], excluded: [-1] })).toThrow('expected excluded in 0…1, found -1');
    expect(tf.memory().numTensors).toBe(before);
  });

  it('stays finite at logits far apart', () => {
    const loss = tf.tidy(() => {
      const logits = tf.tensor2d([[1e4, -1e4]]);
      return sparseSoftmaxCrossEntropy(logits, softmaxLists([{ targets: [[1, 1]] }])).dataSync()[0];
    });
    expect(Number.isFinite(loss)).toBe(true);
    expect(loss).toBeGreaterThan(50);
  });
});

describe('adamW', () => {
  const options = { learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.5 };

  it('follows the published recursion in float64, decoupled decay included', () => {
    const initial = randoms(6, 5);
    const gradients = Array.from({ length: 4 }, (_, step) => randoms(6, 10 + step));
    const value = tf.variable(tf.tensor2d(Float32Array.from(initial), [2, 3]));
    const moments = { mean: tf.variable(tf.zeros([2, 3])), variance: tf.variable(tf.zeros([2, 3])) };
    const expected = initial.slice();
    const m = new Float64Array(6);
    const v = new Float64Array(6);
    for (const [at, gradient] of gradients.entries()) {
      const step = at + 1;
      tf.tidy(() =>
        adamW(value, tf.tensor2d(Float32Array.from(gradient), [2, 3]), moments, { ...options, step }),
      );
      for (let i = 0; i < 6; i++) {
        m[i] = 0.9 * m[i]! + 0.1 * gradient[i]!;
        v[i] = 0.99 * v[i]! + 0.01 * gradient[i]! ** 2;
        const change = m[i]! / (1 - 0.9 ** step) / (Math.sqrt(v[i]! / (1 - 0.99 ** step)) + 1e-8);
        expected[i] = expected[i]! * (1 - 0.1 * 0.5) - 0.1 * change;
      }
    }
    expectClose(value.dataSync(), expected);
    tf.dispose([value, moments.mean, moments.variance]);
  });

  it('takes a step for some rows of a table, and leaves the others as they are', () => {
    const tables = () => {
      const value = tf.variable(tf.tensor2d(Float32Array.from(randoms(6, 5)), [3, 2]));
      const moments = {
        mean: tf.variable(tf.tensor2d(Float32Array.from(randoms(6, 6)), [3, 2])),
        variance: tf.variable(tf.ones([3, 2])),
        last: tf.variable(tf.fill([3], 3)),
      };
      return { value, moments, all: [value, ...Object.values(moments)] };
    };
    const [whole, byRows] = [tables(), tables()];
    const before = byRows.all.map((tensor) => Array.from(tensor.dataSync()));
    tf.tidy(() => {
      const gradient = tf.tensor2d([5, 1, 0, 0, -2, 3], [3, 2]);
      const rows = tf.tensor1d([0, 2], 'int32');
      adamW(whole.value, gradient, whole.moments, { ...options, step: 4 });
      const own = tf.gather(gradient, rows);
      adamWRows(byRows.value, rows, own, byRows.moments, { ...options, step: 4 });
    });
    const after = byRows.all.map((tensor) => Array.from(tensor.dataSync()));
    for (const at of [0, 1, 2]) {
      const dense = Array.from(whole.all[at]!.dataSync());
      expect([...after[at]!.slice(0, 2), ...after[at]!.slice(4)]).toEqual([
        ...dense.slice(0, 2),
        ...dense.slice(4),
      ]);
      expect(after[at]!.slice(2, 4)).toEqual(before[at]!.slice(2, 4));
    }
    expect(after[3]).toEqual([4, 3, 4]);
    tf.dispose([...whole.all, ...byRows.all]);
  });

  it('refuses rows that do not exist or do not ascend', () => {
    const value = tf.variable(tf.ones([3, 2]));
    const zeros = () => tf.variable(tf.zeros([3, 2]));
    const moments = { mean: zeros(), variance: zeros(), last: tf.variable(tf.zeros([3])) };
    const step = (rows: number[]) => () =>
      tf.tidy(() =>
        adamWRows(value, tf.tensor1d(rows, 'int32'), tf.ones([2, 2]), moments, { ...options, step: 1 }),
      );
    expect(step([1, 3])).toThrow(/expected .*row/);
    expect(step([1, 1])).toThrow('expected ascending rows');
    expect(Array.from(value.dataSync())).toEqual([1, 1, 1, 1, 1, 1]);
    tf.dispose([value, ...Object.values(moments)]);
  });
});
