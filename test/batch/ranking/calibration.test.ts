import { describe, expect, it } from 'vitest';
import { calibrated, plattScaling, sigmoid } from '../../../batch/ranking/calibration.ts';
import { calibrationError, logLoss } from '../../../batch/ranking/metrics.ts';
import { normal, seededRandom } from '../../../batch/training/random.ts';

/** Logits z and labels with P(wanted) = σ(slope · z + offset). */
function sample(slope: number, offset: number, rows: number, seed: number) {
  const random = seededRandom(seed);
  const draw = normal(random);
  const logits = Float32Array.from({ length: rows }, () => 2 * draw());
  return { logits, labels: Uint8Array.from(logits, (z) => Number(random() < sigmoid(slope * z + offset))) };
}

describe("Platt's scaling", () => {
  it('finds the slope and offset that made the labels', () => {
    const { logits, labels } = sample(0.5, -1, 50_000, 1);
    const { slope, offset } = plattScaling(logits, labels);
    expect(slope).toBeCloseTo(0.5, 1);
    expect(offset).toBeCloseTo(-1, 1);
    const [step, loss] = [
      1e-3,
      (s: number, o: number) =>
        logLoss({ probabilities: calibrated(logits, { slope: s, offset: o }), labels }),
    ];
    // A minimum: every neighbour is worse (but for Platt's smoothing of 50,000 labels, which is below the step).
    for (const [s, o] of [
      [step, 0],
      [-step, 0],
      [0, step],
      [0, -step],
    ] as const)
      expect(loss(slope + 10 * s, offset + 10 * o)).toBeGreaterThan(loss(slope, offset));
  });

  it('makes too sure a model true on rows that it was not fitted on', () => {
    const [fitted, fresh] = [sample(0.4, 0.3, 20_000, 2), sample(0.4, 0.3, 20_000, 3)];
    const calibration = plattScaling(fitted.logits, fitted.labels);
    const raw = { probabilities: calibrated(fresh.logits, { slope: 1, offset: 0 }), labels: fresh.labels };
    const mended = { ...raw, probabilities: calibrated(fresh.logits, calibration) };
    expect(calibrationError(raw)).toBeGreaterThan(0.1);
    expect(calibrationError(mended)).toBeLessThan(0.015);
  });

  it('stays finite where the labels can be told apart, and where the logits say nothing', () => {
    const apart = plattScaling(Float32Array.of(-2, -1, 1, 2), Uint8Array.of(0, 0, 1, 1));
    expect(Number.isFinite(apart.slope) && Number.isFinite(apart.offset)).toBe(true);
    expect(calibrated(Float32Array.of(2), apart)[0]).toBeGreaterThan(0.6);
    const flat = plattScaling(
      new Float32Array(100),
      Uint8Array.from({ length: 100 }, (_, i) => Number(i < 30)),
    );
    expect(calibrated(Float32Array.of(0), flat)[0]).toBeCloseTo(31 / 102, 1);
  });
});
