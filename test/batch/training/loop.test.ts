import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../../batch/backend/index.ts';
import type { Run } from '../../../batch/recommender.ts';
import { encodeCheckpoint } from '../../../batch/training/checkpoint.ts';
import { stream } from '../../../batch/training/examples.ts';
import { type LoopOptions, train } from '../../../batch/training/loop.ts';
import { createAdamW } from '../../../batch/training/optimiser.ts';
import { FitError } from '../../../shared/errors.ts';
import { quietRun } from '../../fixtures/dataset.ts';

beforeAll(async () => {
  await openBackend();
});

const wrong = {
  progress: { step: 1, sinceBest: 0, loss: { sum: 0, count: 0 }, curves: [] },
  arrays: new Map([['x', new Float32Array(7)]]),
};
const options: LoopOptions = { maximumEpochs: 5, validationsPerEpoch: 2, patience: 3 };

/** Fits x to 3 from noisy samples; validation prefers a given value, as overfitting data would. */
async function fitPoint(run: Partial<Run>, { ideal = 3, loop = options, learningRate = 0.1 } = {}) {
  const x = tf.tidy(() => tf.variable(tf.tensor2d([[0, 1]])));
  using optimiser = createAdamW({ x }, { learningRate });
  const curve: [string, number, number][] = [];
  try {
    const epochs = await train(
      {
        name: 'point',
        identity: 'point',
        parameters: { x },
        optimiser,
        stepsPerEpoch: 10,
        loss: (step) => tf.sum(tf.square(tf.sub(x, 3 + 0.1 * stream(4, 'step', step)()))),
        score: async () => [x.dataSync() as Float32Array],
      },
      loop,
      quietRun({ curve: (...point) => curve.push(point), ...run }),
    );
    return { epochs, x: Array.from(x.dataSync()), curve, ideal };
  } finally {
    x.dispose();
  }
}
const towards =
  (ideal: number): NonNullable<Run['validate']> =>
  async (score) =>
    -Math.abs((await score([]))[0]![0]! - ideal);

describe('the training loop', () => {
  it('trains for the epochs asked when there is nothing to validate by', async () => {
    const { epochs, x, curve } = await fitPoint({}, { loop: { ...options, maximumEpochs: 20 } });
    expect(epochs).toBe(20);
    for (const value of x) expect(value).toBeCloseTo(3.05, 1);
    expect(curve.length).toBe(40);
    expect(curve.every(([series]) => series === 'loss')).toBe(true);
  });

  it('ends with the parameters that validated best, and says after how many epochs they were so', async () => {
    const { epochs, x, curve } = await fitPoint({ validate: towards(1) });
    const validations = curve.filter(([series]) => series === 'validation');
    const best = validations.reduce((a, b) => (b[2] > a[2] ? b : a));
    expect(epochs).toBe(best[1] / 10);
    expect(-Math.abs(x[0]! - 1)).toBeCloseTo(best[2], 6);
    expect(validations.at(-1)![1]).toBe(best[1] + 3 * 5);
    const again = await fitPoint({}, { loop: { ...options, maximumEpochs: epochs } });
    expect(again.x).toEqual(x);
  });

  it('goes on from whichever checkpoint, to the same bytes and the same curve', async () => {
    const states: Uint8Array[] = [];
    const checkpoints = {
      load: async () => undefined,
      save: async (state: Uint8Array) => void states.push(state),
    };
    const whole = await fitPoint({ validate: towards(2), checkpoints });
    expect(states.length).toBeGreaterThan(4);
    for (const [at, state] of states.entries()) {
      const later: Uint8Array[] = [];
      const resumed = await fitPoint({
        validate: towards(2),
        checkpoints: { load: async () => state, save: async (next) => void later.push(next) },
      });
      expect(resumed).toEqual(whole);
      expect(later.at(-1) ?? state).toEqual(states.at(-1));
      expect(later.length).toBe(states.length - at - 1);
    }
  });

  it('keeps where it was when aborted between checkpoints', async () => {
    const whole = await fitPoint({});
    const controller = new AbortController();
    let state: Uint8Array | undefined;
    const reason = new Error('killed');
    const aborted = fitPoint({
      signal: controller.signal,
      progress: () => setImmediate(() => controller.abort(reason)),
      checkpoints: {
        load: async () => undefined,
        save: async (next) => {
          state = next;
        },
      },
    });
    await expect(aborted).rejects.toBe(reason);
    const resumed = await fitPoint({ checkpoints: { load: async () => state, save: async () => {} } });
    expect(resumed.x).toEqual(whole.x);
    expect(resumed.curve).toEqual(whole.curve);
  });

  it('says where a state lies that is none', async () => {
    const checkpoints = { place: 'folder/fit.checkpoint', save: async () => {} };
    for (const state of [new Uint8Array(3), encodeCheckpoint('point', wrong)])
      await expect(fitPoint({ checkpoints: { ...checkpoints, load: async () => state } })).rejects.toThrow(
        /^folder\/fit\.checkpoint: expected .*found/,
      );
  });

  it('stops at a loss that is not finite, naming the step', async () => {
    const failed = fitPoint({}, { learningRate: Number.POSITIVE_INFINITY });
    await expect(failed).rejects.toThrow(FitError);
    await expect(failed).rejects.toThrow(/expected a finite loss, found (NaN|Infinity) in step 2/);
  });

  it('leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    await fitPoint({ validate: towards(1) });
    expect(tf.memory().numTensors).toBe(before);
  });
});
