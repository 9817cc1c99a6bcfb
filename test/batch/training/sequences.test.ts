import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../../batch/backend/index.ts';
import { causalConvolution } from '../../../batch/training/causal-convolution.ts';
import { dropout, normEpsilon, rmsNorm, silu } from '../../../batch/training/layers.ts';
import { createMarks } from '../../../batch/training/marks.ts';
import { normal, seededRandom } from '../../../batch/training/random.ts';
import { sequenceLoss } from '../../../batch/training/sequence-loss.ts';
import { heap } from '../../../batch/training/shared-memory.ts';
import { drawCandidates } from '../../../batch/training/softmax-arrays.ts';
import { dealWindows, tileWindows, windowBatch } from '../../../batch/training/windows.ts';
import { datasetOf } from '../../fixtures/dataset.ts';

beforeAll(async () => {
  await openBackend();
});

const random = normal(seededRandom(4));
const matrix = (rows: number, width: number): tf.Tensor2D =>
  tf.tensor2d(Float32Array.from({ length: rows * width }, random), [rows, width]);
const row = (width: number): tf.Tensor => tf.reshape(matrix(1, width), [width]);

/** Gradients of Σ slopes ∘ f(inputs), by which two ways to compute f are compared. */
function expectSame(
  found: (...inputs: tf.Tensor[]) => tf.Tensor,
  expected: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: tf.Tensor[],
): void {
  tf.tidy(() => {
    const slopes = row(expected(...inputs).size);
    const total =
      (f: typeof found) =>
      (...x: tf.Tensor[]) =>
        tf.sum(tf.mul(tf.reshape(f(...x), [-1]), slopes));
    const [one, other] = [found, expected].map((f) => tf.valueAndGrads(total(f))(inputs)) as [
      { value: tf.Tensor; grads: tf.Tensor[] },
      { value: tf.Tensor; grads: tf.Tensor[] },
    ];
    for (const [at, tensor] of [one.value, ...one.grads].entries()) {
      const reference = [other.value, ...other.grads][at]!;
      expect(tensor.shape).toEqual(reference.shape);
      const values = reference.dataSync();
      const scale = Math.max(...values.map(Math.abs), 1e-3);
      for (const [i, value] of tensor.dataSync().entries())
        expect(Math.abs(value - values[i]!) / scale).toBeLessThan(1e-4);
    }
  });
}

describe('a causal convolution', () => {
  const naive =
    (length: number) =>
    (x: tf.Tensor, filters: tf.Tensor): tf.Tensor => {
      const count = x.shape[0]! / length;
      const at = (t: number): tf.Tensor => tf.slice(x, [t * count, 0], [count, -1]);
      const tap = (t: number): tf.Tensor => tf.slice(filters, [t, 0], [1, -1]);
      return tf.concat(
        Array.from({ length }, (_, t) =>
          tf.addN(Array.from({ length: t + 1 }, (_, s) => tf.mul(at(s), tap(t - s)))),
        ),
        0,
      );
    };
  it.each([
    [1, 1],
    [1, 5],
    [4, 4],
    [7, 9],
  ])('of %i events by %i taps is the sum that defines it, with its gradients', (length, taps) => {
    expectSame(
      (x, filters) => causalConvolution(x as tf.Tensor2D, filters as tf.Tensor2D, length),
      naive(length),
      [matrix(length * 3, 4), matrix(taps, 4)],
    );
  });
});

describe('layers', () => {
  it('normalise by the root mean square, with the gradient of the composition', () => {
    expectSame(
      (x, scale) => rmsNorm(x as tf.Tensor2D, scale),
      (x, scale) => tf.mul(tf.div(x, tf.sqrt(tf.add(tf.mean(tf.mul(x, x), 1, true), normEpsilon))), scale),
      [matrix(5, 6), row(6)],
    );
  });
  it('gate by x · sigmoid(x)', () => {
    expectSame(
      (x) => silu(x as tf.Tensor2D),
      (x) => tf.div(x, tf.add(1, tf.exp(tf.neg(x)))),
      [matrix(5, 6)],
    );
  });
  it('drop the share asked and keep the mean, others for another seed, with the gradient to match', () => {
    const of = (seed: number) => tf.tidy(() => [...dropout(tf.ones([401, 101]), 0.25, seed).dataSync()]);
    const values = of(7);
    const dropped = values.filter((value) => value === 0).length / values.length;
    expect(dropped).toBeCloseTo(0.25, 2);
    expect(new Set(values)).toEqual(new Set([0, Math.fround(4 / 3)]));
    const both = of(8).filter((value, i) => value === 0 && values[i] === 0).length / values.length;
    expect(both).toBeCloseTo(0.25 ** 2, 2);
    const slopes = tf.tidy(() => [
      ...tf
        .grad((x: tf.Tensor) => dropout(x as tf.Tensor2D, 0.25, 7))(tf.zeros([401, 101]))
        .dataSync(),
    ]);
    expect(slopes).toEqual(values);
  });
});

/** Histories with repeats, one event without weight, one history too short to predict anything. */
const train = datasetOf([[1, 2, 3, 2, 4, 5, 1, 6], [7], [2, { item: 3, weight: 0 }, 4, 4], [5, 5]], 9);

const marks = createMarks(9);

describe('windows', () => {
  const pairs = (targets: 'new' | 'any', length: number): string[] => {
    const windows = tileWindows(train, length, targets);
    return Array.from(windows.users, (_, window) => {
      const batch = windowBatch(train, windows, Int32Array.of(window), targets, marks, heap);
      return Array.from(batch.places, (place, i) => `${batch.items[place]}→${batch.targets[i]}`);
    }).flat();
  };
  it.each([1, 2, 3, 50])('of %i predict every wanted event once', (length) => {
    expect(pairs('any', length).sort()).toEqual(
      ['1→2', '2→3', '3→2', '2→4', '4→5', '5→1', '1→6', '3→4', '4→4', '5→5'].sort(),
    );
    expect(pairs('new', length).sort()).toEqual(['1→2', '2→3', '2→4', '4→5', '1→6', '3→4'].sort());
  });
  it('know what the history has, before the window too', () => {
    const windows = tileWindows(train, 3, 'new');
    const at = windows.users.findIndex((user, window) => user === 0 && windows.ends[window] === 7);
    const batch = windowBatch(train, windows, Int32Array.of(at), 'new', marks, heap);
    expect(Array.from(batch.items)).toEqual([4, 5, 1]);
    expect(Array.from(batch.targets)).toEqual([5, 6]);
    expect(Array.from(batch.knownStarts)).toEqual([0, 0]);
    expect(Array.from(batch.knownEnds)).toEqual([5, 6]);
    expect(Array.from(batch.known)).toEqual([0, 1, 2, 3, 4, 5]);
  });
  it('lie time-major beside others, padded behind', () => {
    const windows = tileWindows(train, 50, 'any');
    const batch = windowBatch(train, windows, Int32Array.of(2, 1), 'any', marks, heap);
    expect(batch).toMatchObject({ count: 2, length: 3 });
    expect(Array.from(batch.items)).toEqual([5, 2, 0, 3, 0, 4]);
    expect(Array.from(batch.places)).toEqual([0, 3, 5]);
  });
  it('are each dealt once an epoch, to steps of like size and like windows', () => {
    const draw = seededRandom(6);
    const users = Array.from({ length: 500 }, () =>
      Array.from({ length: 2 + Math.floor(draw() ** 3 * 60) }, () => 1),
    );
    const windows = tileWindows(datasetOf(users, 2), 40, 'any');
    const lengthOf = (window: number): number => windows.ends[window]! - windows.starts[window]!;
    for (const steps of [1, 7, 20, windows.users.length]) {
      const deal = dealWindows(windows, steps, seededRandom(steps));
      expect(deal.length).toBe(steps);
      expect(deal.flatMap((own) => [...own]).sort((a, b) => a - b)).toEqual([...windows.users.keys()]);
      expect(Math.min(...deal.map((own) => own.length))).toBeGreaterThan(0);
    }
    const deal = dealWindows(windows, 20, seededRandom(1));
    const events = deal.map((own) => own.reduce((sum, window) => sum + lengthOf(window), 0));
    expect(Math.max(...events) / Math.min(...events)).toBeLessThan(1.6);
    const padded = deal.reduce((sum, own) => sum + own.length * Math.max(...[...own].map(lengthOf)), 0);
    expect(padded / events.reduce((a, b) => a + b, 0)).toBeLessThan(1.5);
    expect(dealWindows(windows, 20, seededRandom(2))).not.toEqual(deal);
  });
});

describe('the loss of every position', () => {
  const windows = tileWindows(train, 5, 'new');
  const batch = windowBatch(train, windows, Int32Array.from(windows.users.keys()), 'new', marks, heap);
  const width = 4;

  /** The same from whole logits, with what is excluded at −10⁹. */
  const composed =
    (items: readonly number[]) =>
    (queries: tf.Tensor, table: tf.Tensor, bias: tf.Tensor): tf.Tensor => {
      const mask = Array.from(batch.targets, (_, i) => {
        const known = batch.known.subarray(batch.knownStarts[i], batch.knownEnds[i]);
        return items.map((item) => (item === 0 || known.includes(item) ? -1e9 : 0));
      });
      const hot = Array.from(batch.targets, (target) => items.map((item) => (item === target ? 1 : 0)));
      const scores = tf.matMul(queries as tf.Tensor2D, table as tf.Tensor2D, false, true);
      const logits = tf.add(tf.add(scores, bias), tf.tensor2d(mask));
      const each = tf.sum(tf.mul(tf.logSoftmax(logits), tf.tensor2d(hot)), 1);
      return tf.neg(tf.mean(each));
    };
  const sameFor = (items: Int32Array, candidates?: Int32Array): void => {
    expectSame(
      (queries, table, bias) =>
        sequenceLoss(queries as tf.Tensor2D, table as tf.Tensor2D, bias as tf.Tensor1D, batch, candidates),
      composed([...items]),
      [matrix(batch.targets.length, width), matrix(items.length, width), row(items.length)],
    );
  };

  it('is the softmax over all items but those known', () =>
    sameFor(Int32Array.from({ length: 9 }, (_, i) => i)));
  it('is that over candidates, which hold every target', () => {
    const candidates = drawCandidates(batch.targets, 3, 9, seededRandom(1));
    expect([...candidates]).toEqual([...new Set(candidates)].sort((a, b) => a - b));
    expect([...batch.targets].filter((item) => !candidates.includes(item))).toEqual([]);
    sameFor(candidates, candidates);
  });
  it('is the same in many parts as in one', () => {
    const columns = 1 << 19;
    tf.tidy(() => {
      const [queries, small] = [matrix(batch.targets.length, 2), matrix(9, 2)];
      const table = tf.pad(small, [
        [0, columns - 9],
        [0, 0],
      ]) as tf.Tensor2D;
      const whole = sequenceLoss(queries, table, tf.zeros([columns]), batch).dataSync()[0]!;
      // Every item beyond the ninth has a logit of 0.
      const logits = tf.matMul(queries, small, false, true).arraySync() as number[][];
      const expected = Array.from(batch.targets, (target, i) => {
        const known = batch.known.subarray(batch.knownStarts[i], batch.knownEnds[i]);
        const sum = logits[i]!.reduce(
          (total, logit, item) => total + (item === 0 || known.includes(item) ? 0 : Math.exp(logit)),
          columns - 9,
        );
        return Math.log(sum) - logits[i]![target]!;
      });
      // XNNPACK adds half a million terms in float32.
      expect(whole).toBeCloseTo(expected.reduce((a, b) => a + b) / expected.length, 2);
    });
  });
});
