import * as tf from '@tensorflow/tfjs-core';
import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../../batch/backend/index.ts';
import { convSequence, convSequenceNetwork } from '../../../batch/models/conv-sequence.ts';
import { createProblem as createSequenceProblem } from '../../../batch/models/sequence-training.ts';
import { TwoTowerOptions } from '../../../batch/models/two-tower.ts';
import { createProblem } from '../../../batch/models/two-tower-problem.ts';
import type { Run } from '../../../batch/recommender.ts';
import { openInput } from '../../../batch/training/input.ts';
import { train } from '../../../batch/training/loop.ts';
import { createAdamW } from '../../../batch/training/optimiser.ts';
import { seededRandom } from '../../../batch/training/random.ts';
import { createArena, heap } from '../../../batch/training/shared-memory.ts';
import { FitError } from '../../../shared/errors.ts';
import { batches, type CountProblem } from '../../fixtures/count-batches.ts';
import { datasetOf, quietRun } from '../../fixtures/dataset.ts';

const threads = (): number =>
  process.getActiveResourcesInfo().filter((resource) => /Worker|MessagePort/.test(resource)).length;

async function takeAll(problem: CountProblem, end: number, { thread = true, start = 0 } = {}) {
  await using input = openInput(batches(problem), { name: 'count', end, thread });
  const taken: { step: number; values: Float32Array; buffer: ArrayBufferLike }[] = [];
  for (let step = start; step < end; step++) {
    const batch = await input.take(step);
    taken.push({ ...batch, values: batch.values.slice(), buffer: batch.values.buffer });
  }
  return taken;
}

describe('an arena', () => {
  it('lays arrays beside each other, where TensorFlow takes them over as they lie', () => {
    const arena = createArena();
    const [first, second] = [arena.int32(3).fill(1), arena.float32(5).fill(2)];
    expect(second.buffer).toBe(first.buffer);
    expect([first.byteOffset, second.byteOffset]).toEqual([0, 64]);
    expect([...first, ...second]).toEqual([1, 1, 1, 2, 2, 2, 2, 2]);
  });
  it('grows with the batches, keeping what was laid, and then allocates no more', () => {
    const arena = createArena();
    const early = arena.int32(10).fill(3);
    arena.float32(1e6).fill(4);
    expect(early.every((value) => value === 3)).toBe(true);
    arena.reset();
    const { buffer } = arena.int32(10);
    for (let round = 0; round < 5; round++) {
      expect(arena.float32(1e6 - round).buffer).toBe(buffer);
      arena.reset();
    }
  });
});

describe('the input of a training', () => {
  it.each([true, false])('gives the batch of each step, from any step on (thread: %s)', async (thread) => {
    for (const start of [0, 7]) {
      const taken = await takeAll({ size: 3 }, 40, { thread, start });
      expect(taken.map(({ step }) => step)).toEqual(Array.from({ length: 40 - start }, (_, i) => start + i));
      for (const { step, values } of taken)
        expect(Array.from(values)).toEqual(new Array(3 + (step % 5)).fill(step));
    }
  });

  it('shares memory with its thread, and leaves a batch alone until the next is asked for', async () => {
    await using input = openInput(batches({ size: 1_000 }), { name: 'count', end: 30, thread: true });
    for (let step = 0; step < 30; step++) {
      const { values } = await input.take(step);
      expect(values.buffer).toBeInstanceOf(SharedArrayBuffer);
      await new Promise((resolve) => setTimeout(resolve, 2));
      expect(values.every((value) => value === step)).toBe(true);
    }
  });

  it.each([true, false])('says which batch could not be made, and why (thread: %s)', async (thread) => {
    const error = await takeAll({ size: 3, fails: 5 }, 40, { thread }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(FitError);
    expect((error as Error).message).toBe('count: expected a batch for step 6, found: no 5');
    expect((error as Error).cause).toMatchObject({ name: 'RangeError', cause: 'of the test' });
  });

  it('fails when its thread ends, and when it cannot be started', async () => {
    await expect(takeAll({ size: 3, ends: 4 }, 40)).rejects.toThrow(
      'count: expected a batch for step 5, found: the input thread ended with exit status 7',
    );
    await using input = openInput(
      { ...batches({ size: 3 }), module: 'file:///nowhere.ts' },
      { name: 'count', end: 9, thread: true },
    );
    await expect(input.take(0)).rejects.toThrow(/step 1, found: .*nowhere/);
  });

  it('leaves no thread behind, nor does a failure', async () => {
    const before = threads();
    {
      await using input = openInput(batches({ size: 3 }), { name: 'count', end: 4, thread: true });
      await input.take(0);
      expect(threads()).toBeGreaterThan(before);
    }
    await takeAll({ size: 3, fails: 2 }, 4).catch(() => {});
    await takeAll({ size: 3, ends: 2 }, 4).catch(() => {});
    expect(threads()).toBe(before);
  });
});

describe('the batches of two-tower', () => {
  const random = seededRandom(3);
  const dataset = datasetOf(
    Array.from({ length: 60 }, () =>
      Array.from({ length: 4 + Math.floor(random() * 20) }, (_, at) => ({
        item: 1 + Math.floor(random() * 49),
        time: 1.6e9 + at * 86_400,
      })),
    ),
    50,
  );

  it.each([{}, { negatives: 20 }, { targets: 'any' as const, maxHistory: 3 }])(
    'are the same whichever thread makes them, from any step on: %o',
    async (given) => {
      const options = { ...v.parse(TwoTowerOptions, { batchSize: 32 }), targets: 'new' as const, ...given };
      const { batches: own, stepsPerEpoch } = createProblem(dataset, options, 5);
      const start = stepsPerEpoch - 3;
      await using input = openInput(own, { name: 'two-tower', end: start + 12, thread: true });
      const inOrder = own.open();
      for (let step = 0; step < start; step++) inOrder(step, heap);
      for (let step = start; step < start + 12; step++)
        expect(await input.take(step)).toEqual(inOrder(step, heap));
    },
  );

  it('read columns that no thread copies', () => {
    const options = { ...v.parse(TwoTowerOptions, {}), targets: 'new' as const };
    const { events, cuts, frequency } = createProblem(dataset, options, 5).batches.problem as {
      events: object;
      cuts: object;
      frequency: Float32Array;
    };
    const columns: Float32Array[] = [...Object.values(events), ...Object.values(cuts), frequency];
    for (const { buffer } of columns) expect(buffer).toBeInstanceOf(SharedArrayBuffer);
  });
});

describe('the batches of sequence models', () => {
  const random = seededRandom(5);
  const dataset = datasetOf(
    Array.from({ length: 40 }, () =>
      Array.from({ length: 3 + Math.floor(random() * 30) }, () => 1 + Math.floor(random() * 99)),
    ),
    100,
  );
  const problemOf = (given: object) => {
    const options = v.parse(convSequence.options, { maxHistory: 8, positionsPerStep: 60, ...given });
    return createSequenceProblem(dataset, convSequenceNetwork(options), options, quietRun());
  };

  it.each([{ negatives: 'all' }, { negatives: 20 }, { negatives: 5, targets: 'any' }])(
    'are the same whichever thread makes them, from any step on: %o',
    async (given) => {
      const { batches: own, stepsPerEpoch } = problemOf(given);
      const start = stepsPerEpoch - 2;
      await using input = openInput(own, { name: 'conv-sequence', end: start + 8, thread: true });
      const inOrder = own.open();
      for (let step = 0; step < start; step++) inOrder(step, heap);
      for (let step = start; step < start + 8; step++)
        expect(await input.take(step)).toEqual(inOrder(step, heap));
    },
  );

  it('number items by the rows that they read, the padding first', () => {
    const whole = problemOf({ negatives: 'all' }).batches.open()(0, heap);
    const drawn = problemOf({ negatives: 3 }).batches.open()(0, heap);
    expect(whole.rows).toBeUndefined();
    expect(drawn.rows![0]).toBe(0);
    expect(Array.from(drawn.windows.items, (place) => drawn.rows![place])).toEqual([...whole.windows.items]);
    expect(Array.from(drawn.places!, (place) => drawn.rows![place])).toEqual([...drawn.candidates!]);
    expect(drawn.rows!.length).toBeLessThan(100);
  });
});

describe('a training with input that is slow to make', () => {
  beforeAll(async () => void (await openBackend()));

  async function fitCount(run: Partial<Run>) {
    const x = tf.tidy(() => tf.variable(tf.tensor2d([[0]])));
    using optimiser = createAdamW({ x }, { learningRate: 0.01 });
    try {
      await train(
        {
          name: 'count',
          identity: 'count',
          parameters: { x },
          optimiser,
          stepsPerEpoch: 60,
          batches: batches({ size: 4, costs: 6 }),
          loss: (step, batch) => {
            expect(batch.step).toBe(step);
            return tf.mean(tf.square(tf.sub(x, tf.tensor1d(batch.values))));
          },
          score: async () => [],
        },
        { maximumEpochs: 2, validationsPerEpoch: 2, patience: 1 },
        quietRun(run),
      );
      return x.dataSync()[0]!;
    } finally {
      x.dispose();
    }
  }

  it('says how long it waits, goes on after a kill to the same bytes, and ends its threads', async () => {
    const before = threads();
    const waits: number[] = [];
    const whole = await fitCount({
      curve: (series, _, value) => void (/waiting/.test(series) && waits.push(value)),
    });
    expect(waits.length).toBe(4);
    expect(waits[0]).toBeGreaterThan(50);
    const controller = new AbortController();
    let state: Uint8Array | undefined;
    const killed = fitCount({
      signal: controller.signal,
      progress: (_, fraction) => fraction > 0.6 && controller.abort(new Error('killed')),
      checkpoints: {
        load: async () => undefined,
        save: async (next) => {
          state = next;
        },
      },
    });
    await expect(killed).rejects.toThrow('killed');
    expect(await fitCount({ checkpoints: { load: async () => state, save: async () => {} } })).toBe(whole);
    expect(threads()).toBe(before);
  });
});
