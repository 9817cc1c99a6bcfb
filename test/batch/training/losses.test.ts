import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../../batch/backend/index.ts';
import type { Example } from '../../../batch/training/examples.ts';
import { softmaxLossOf } from '../../../batch/training/losses.ts';
import { normal, seededRandom } from '../../../batch/training/random.ts';
import { heap } from '../../../batch/training/shared-memory.ts';
import {
  type Candidates,
  type SoftmaxOptions,
  sampleCandidates,
  softmaxArrays,
} from '../../../batch/training/softmax-arrays.ts';

beforeAll(async () => {
  await openBackend();
});

const example = (history: number[], targets: number[]): Example => ({
  history: {
    items: Int32Array.from(history),
    times: new Float64Array(history.length),
    weights: new Float32Array(history.length).fill(1),
  },
  targets: Int32Array.from(targets),
  time: 0,
});
const rows = 60;
const width = 4;
const queries = Float32Array.from({ length: 2 * width }, normal(seededRandom(1)));
const table = Float32Array.from({ length: rows * width }, normal(seededRandom(2))).fill(0, 0, width);
const examples = [example([3, 4, 3], [5, 6]), example([7], [4])];

/** The loss of examples over a table of all items. */
function softmaxLoss(
  q: tf.Tensor2D,
  all: tf.Tensor2D,
  of: readonly Example[],
  candidates: Candidates | undefined,
  options: SoftmaxOptions,
): tf.Scalar {
  const own = candidates ? tf.gather(all, tf.tensor1d(candidates.items, 'int32')) : all;
  return softmaxLossOf(q, own, softmaxArrays(of, all.shape[0], candidates, options, heap));
}

const loss = (candidates: Candidates | undefined, excludeHistory: boolean): number =>
  tf.tidy(
    () =>
      softmaxLoss(tf.tensor2d(queries, [2, width]), tf.tensor2d(table, [rows, width]), examples, candidates, {
        excludeHistory,
      }).dataSync()[0]!,
  );

/** The mean over examples of the mean over targets of −log softmax, in float64. */
function reference(excludeHistory: boolean, of = examples): number {
  const losses = of.map(({ history, targets }, row) => {
    const logit = (item: number): number =>
      Array.from({ length: width }, (_, j) => queries[row * width + j]! * table[item * width + j]!).reduce(
        (a, b) => a + b,
      );
    const items = Array.from({ length: rows - 1 }, (_, i) => i + 1).filter(
      (item) => !excludeHistory || !history.items.includes(item) || targets.includes(item),
    );
    const sum = Math.log(items.reduce((total, item) => total + Math.exp(logit(item)), 0));
    return Array.from(targets, (item) => sum - logit(item)).reduce((a, b) => a + b) / targets.length;
  });
  return losses.reduce((a, b) => a + b) / losses.length;
}

describe('softmax loss', () => {
  it.each([true, false])('over the catalogue, history left out: %s', (excludeHistory) => {
    expect(loss(undefined, excludeHistory)).toBeCloseTo(reference(excludeHistory), 4);
  });

  it('counts an example by its weight', () => {
    const only = tf.tidy(() => {
      const [q, t] = [tf.tensor2d(queries, [2, width]), tf.tensor2d(table, [rows, width])];
      const weightOf = ({ targets }: Example) => (targets.length === 1 ? 0 : 7);
      return softmaxLoss(q, t, examples, undefined, { excludeHistory: true, weightOf }).dataSync()[0]!;
    });
    expect(only).toBeCloseTo(reference(true, examples.slice(0, 1)), 4);
  });

  it('over every item as candidate, each certain, is the same', () => {
    const items = Int32Array.from({ length: rows - 1 }, (_, i) => i + 1);
    expect(loss({ items, logChance: new Float32Array(rows - 1) }, true)).toBeCloseTo(reference(true), 4);
  });

  it('a target that is also in the history stays a target', () => {
    const again = [example([5, 6], [5])];
    const value = tf.tidy(
      () =>
        softmaxLoss(tf.ones([1, width]), tf.tensor2d(table, [rows, width]), again, undefined, {
          excludeHistory: true,
        }).dataSync()[0]!,
    );
    expect(value).toBeLessThan(30);
  });
});

describe('sampled candidates', () => {
  const frequency = new Float32Array(rows).fill(1 / (rows - 1));
  frequency[0] = 0;

  it('hold the targets and never the padding, in order, each once', () => {
    const { items } = sampleCandidates(examples, 20, frequency, seededRandom(5));
    expect(Array.from(items)).toEqual([...new Set(items)].sort((a, b) => a - b));
    for (const target of [4, 5, 6]) expect(items).toContain(target);
    expect(items).not.toContain(0);
  });

  it('come with the chance with which they are there', () => {
    const rounds = 3_000;
    const one = [example([1], [2])];
    const uneven = frequency.map((value, item) => (item === 2 ? 0 : value));
    let found = 0;
    let stated = 0;
    for (let round = 0; round < rounds; round++) {
      const { items, logChance } = sampleCandidates(one, 30, uneven, seededRandom(round));
      const at = items.indexOf(9);
      if (at < 0) continue;
      found++;
      stated = Math.exp(logChance[at]!);
    }
    // Item 9 is drawn, not a target: what is stated also counts the share of batches in which it would be one.
    const drawn = 1 - (1 - 1 / (rows - 1)) ** 30;
    expect(found / rounds).toBeCloseTo(drawn, 1);
    expect(stated).toBeCloseTo(1 - Math.exp(-(30 / (rows - 1) + uneven[9]!)), 5);
  });

  it('estimate the full denominator without bias (Horvitz and Thompson)', () => {
    const random = seededRandom(8);
    const values = Float64Array.from({ length: rows }, () => Math.exp(2 * random()));
    const full = values.slice(1).reduce((a, b) => a + b);
    const rounds = 2_000;
    let mean = 0;
    for (let round = 0; round < rounds; round++) {
      // Targets are drawn as `frequency` says.
      const drawn = Array.from({ length: 8 }, () => example([1], [1 + Math.floor(random() * (rows - 1))]));
      const { items, logChance } = sampleCandidates(drawn, 20, frequency, random);
      for (const [at, item] of items.entries()) mean += values[item]! / Math.exp(logChance[at]!) / rounds;
    }
    expect(mean / full).toBeGreaterThan(0.98);
    expect(mean / full).toBeLessThan(1.02);
  });
});
