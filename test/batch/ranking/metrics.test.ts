import { describe, expect, it } from 'vitest';
import { auc, calibrationError, logLoss, reliability } from '../../../batch/ranking/metrics.ts';
import { seededRandom } from '../../../batch/training/random.ts';

const rows = (probabilities: number[], labels: number[]) => ({
  probabilities: Float32Array.from(probabilities),
  labels: Uint8Array.from(labels),
});

describe('the area under the ROC curve', () => {
  it.each([
    ['all pairs in order', [0.1, 0.4, 0.8, 0.9], [0, 0, 1, 1], 1],
    ['all pairs in reverse', [0.9, 0.1], [0, 1], 0],
    ['one pair of four in reverse', [0.1, 0.8, 0.4, 0.9], [0, 0, 1, 1], 0.75],
    ['a tie, which counts half', [0.5, 0.5, 0.9], [0, 1, 1], 0.75],
    ['ties only', [0.3, 0.3, 0.3], [0, 1, 0], 0.5],
  ])('of %s', (_, probabilities, labels, expected) => {
    expect(auc(rows(probabilities, labels))).toBe(expected);
  });

  it('is the share of all pairs, counted one by one, and a weight is a repetition', () => {
    const random = seededRandom(1);
    const probabilities = Array.from({ length: 60 }, () => Math.round(random() * 20) / 20);
    const labels = probabilities.map((p) => Number(random() < p));
    const times = probabilities.map(() => Math.floor(random() * 3));
    const repeated = probabilities.flatMap((p, row) => Array(times[row]!).fill([p, labels[row]!]));
    let concordant = 0;
    let pairs = 0;
    for (const [p, label] of repeated) {
      for (const [q, other] of repeated) {
        if (label !== 1 || other !== 0) continue;
        pairs++;
        concordant += Math.fround(p) > Math.fround(q) ? 1 : p === q ? 0.5 : 0;
      }
    }
    const found = auc(rows(probabilities, labels), undefined, Float32Array.from(times));
    expect(found).toBeCloseTo(concordant / pairs, 12);
  });

  it('is not a number where one of the labels is missing', () => {
    expect(auc(rows([0.2, 0.4], [1, 1]))).toBeNaN();
  });
});

it('log-loss is the mean of −log of what was given to what happened, and never infinite', () => {
  expect(logLoss(rows([0.5, 0.25], [1, 0]))).toBeCloseTo((Math.log(2) - Math.log(0.75)) / 2, 6);
  expect(logLoss(rows([0, 1], [1, 0]))).toBeCloseTo(-Math.log(1e-7), 1);
});

describe('the calibration error', () => {
  it('is the mean distance of the bins, twenty of equal numbers of rows', () => {
    // 40 rows: the 20 improbable ones are never wanted though 0.1 is said; the others always, though 0.7 is said.
    const probabilities = Array.from({ length: 40 }, (_, row) =>
      row < 20 ? 0.1 + row * 1e-4 : 0.7 + row * 1e-4,
    );
    const labels = probabilities.map((p) => Number(p > 0.5));
    const mean = (from: number) => probabilities.slice(from, from + 20).reduce((sum, p) => sum + p, 0) / 20;
    expect(calibrationError(rows(probabilities, labels))).toBeCloseTo((mean(0) + (1 - mean(20))) / 2, 6);
    expect(reliability(rows(probabilities, labels)).map(({ rows: count }) => count)).toEqual(
      Array(20).fill(2),
    );
  });

  it('does not part equal probabilities, and is zero for the true rate', () => {
    const labels = [0, 0, 0, 1, 0, 0, 0, 1];
    const bins = reliability(rows(Array(8).fill(0.25), labels));
    expect(bins).toEqual([{ rows: 8, predicted: 0.25, observed: 0.25 }]);
    expect(calibrationError(rows(Array(8).fill(0.25), labels))).toBe(0);
  });

  it('takes a weight for a repetition', () => {
    const once = rows([0.2, 0.2, 0.6, 0.6, 0.6], [0, 1, 1, 0, 0]);
    const weighted = calibrationError(rows([0.2, 0.6], [1, 0]), undefined, Float32Array.of(2, 3));
    expect(weighted).toBeCloseTo((2 * 0.8 + 3 * 0.6) / 5, 6);
    expect(calibrationError(once)).toBeCloseTo((2 * 0.3 + 3 * (0.6 - 1 / 3)) / 5, 6);
  });
});
