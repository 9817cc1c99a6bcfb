import * as tf from '@tensorflow/tfjs-core';
import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../../batch/backend/index.ts';
import { type Dataset, historyOf } from '../../../batch/data/dataset.ts';
import { openArtifact } from '../../../batch/export/artifact-scorer.ts';
import { multVae } from '../../../batch/models/mult-vae.ts';
import type { MultVaeBatch } from '../../../batch/models/mult-vae-batches.ts';
import { initialise } from '../../../batch/models/mult-vae-initial.ts';
import { createProblem } from '../../../batch/models/mult-vae-problem.ts';
import { itemSet } from '../../../batch/models/mult-vae-sets.ts';
import { batchLoss } from '../../../batch/models/mult-vae-training.ts';
import type { Artifact, Run } from '../../../batch/recommender.ts';
import { openInput } from '../../../batch/training/input.ts';
import { seededRandom } from '../../../batch/training/random.ts';
import { heap } from '../../../batch/training/shared-memory.ts';
import { topK } from '../../../shared/ranking.ts';
import { datasetOf, queryOf, quietRun } from '../../fixtures/dataset.ts';

beforeAll(async () => {
  await openBackend();
}, 60_000);

/** Users of four tastes with ten of each taste's twelve items, some of them twice. */
function tastes(): Dataset {
  const random = seededRandom(4);
  const users = Array.from({ length: 80 }, (_, user) => {
    const own = Array.from({ length: 12 }, (_, i) => 1 + 12 * (user % 4) + i).sort(() => random() - 0.5);
    return [...own.slice(0, 10), own[0]!].map((item) => ({ item, weight: random() < 0.3 ? 0.5 : 1 }));
  });
  return datasetOf(users, 49);
}

const small = { hidden: 24, dimensions: 12, epochs: 12, epochsPerValidation: 3 };
const optionsOf = (options: object) => v.parse(multVae.options, { ...small, ...options });
const fitTastes = (options: object = {}, run: Partial<Run> = {}) =>
  multVae.fit(tastes(), optionsOf(options), quietRun(run));
const bytesOf = (artifact: Artifact): Uint8Array[] => {
  if (artifact.kind !== 'embedding') throw new Error(`expected an embedding, found ${artifact.kind}`);
  const { items, history, encoder } = artifact;
  const tables = [items.values, items.bias!, history!.values];
  return [...tables.map((values) => new Uint8Array(values.slice().buffer)), encoder.onnx];
};

describe('a history as a set', () => {
  it('has each item once, by its largest weight, scaled to length 1, without what weighs nothing', () => {
    const { history } = queryOf(
      { item: 4, weight: 3 },
      { item: 2, weight: 4 },
      { item: 4, weight: 1 },
      {
        item: 7,
        weight: 0,
      },
    );
    const set = itemSet(history, 10);
    const pairs = Array.from(set.items, (item, at) => [item, set.values[at]!] as const);
    expect(new Map(pairs)).toEqual(
      new Map([
        [4, Math.fround(0.6)],
        [2, Math.fround(0.8)],
      ]),
    );
    expect(itemSet(history, 2)).toEqual({ items: Int32Array.of(4), values: Float32Array.of(1) });
  });

  it.each(['residual', 'published'])('scores alike in any order, and in ONNX: %s', async (architecture) => {
    using model = await fitTastes({ architecture, epochs: 3 });
    const queries = [
      queryOf(3, 14, 5, 3, 3),
      queryOf(5, 3, 14),
      queryOf(14),
      queryOf({ item: 9, weight: 0 }),
    ];
    const scores = await model.score(queries);
    for (let item = 1; item < 49; item++) expect(scores[1]![item]).toBeCloseTo(scores[0]![item]!, 4);
    await using scorer = await openArtifact(await model.export(), new Float32Array(49));
    for (const [at, { history }] of queries.entries()) {
      const found = await scorer.score(history);
      for (let item = 1; item < 49; item++) expect(found[item]).toBeCloseTo(scores[at]![item]!, 3);
    }
  });
});

describe('the loss', () => {
  /** Scores, divergence and sum spelled out by hand for parameters without noise or dropout. */
  it('is the negative log-likelihood per item and beta times the divergence', () => {
    const options = optionsOf({ dropout: 0, beta: 0.5, architecture: 'published', batchSize: 2 });
    // As many as make two of a batch, of whom a batch then has two alike.
    const problem = createProblem(
      datasetOf(
        Array.from({ length: 8 }, () => [1, 2, 3]),
        5,
      ),
      options,
      1,
    );
    const parameters = initialise(problem);
    for (const [name, variable] of Object.entries(parameters)) {
      const value = name === 'code.bias' ? [...Array(12).fill(2), ...Array(12).fill(-30)] : undefined;
      tf.tidy(() => variable.assign(value ? tf.tensor1d(value) : tf.zerosLike(variable)));
    }
    const loss = tf.tidy(
      () => batchLoss(parameters, problem, problem.batches.open()(0, heap), 0).dataSync()[0]!,
    );
    tf.dispose(parameters);
    // All logits are 0: log 4 an item. Each user's KL is 12 · (4 + e^−30 + 30 − 1) / 2, and counts once an item.
    expect(loss).toBeCloseTo(Math.log(4) + 0.5 * 6 * 33, 2);
  });

  const histories = (batch: MultVaeBatch): string[] =>
    Array.from(batch.softmax.targetEnds, (end, row, ends = batch.softmax.targetEnds) =>
      batch.softmax.targets.slice(ends[row - 1] ?? 0, end).join(),
    );

  it('takes every user once an epoch, in another order each', () => {
    const train = tastes();
    const { batches } = createProblem(train, optionsOf({ batchSize: 20 }), 1);
    const make = batches.open();
    const epoch = (number: number) =>
      [0, 1, 2, 3].flatMap((step) => histories(make(4 * number + step, heap)));
    const all = train.userIds.map((_, user) => itemSet(historyOf(train, user), 1_000).items.join());
    expect(epoch(0).sort()).toEqual(all.sort());
    expect(epoch(1)).not.toEqual(epoch(0));
  });

  it('shows the encoder half of the items at twice their value, and draws standard normal noise', () => {
    const make = createProblem(tastes(), optionsOf({ batchSize: 20 }), 1).batches.open();
    const batchesOf = Array.from({ length: 40 }, (_, step) => make(step, heap));
    const shown = batchesOf.reduce((sum, { seen }) => sum + seen.items.length, 0);
    const items = batchesOf.reduce((sum, { softmax }) => sum + softmax.targets.length, 0);
    expect(shown / items).toBeGreaterThan(0.47);
    expect(shown / items).toBeLessThan(0.53);
    for (const { seen } of batchesOf)
      for (const value of seen.values) expect(value).toBeGreaterThan(2 * (0.5 / Math.sqrt(10)) - 1e-6);
    const noise = batchesOf.flatMap((batch) => [...batch.noise]);
    const mean = noise.reduce((a, b) => a + b) / noise.length;
    const variance = noise.reduce((sum, x) => sum + x * x, 0) / noise.length;
    expect(Math.abs(mean)).toBeLessThan(0.05);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  });

  it.each([{}, { negatives: 10 }])(
    'has the same batches whichever thread makes them, from any step on: %o',
    async (given) => {
      const { batches, stepsPerEpoch } = createProblem(tastes(), optionsOf({ batchSize: 20, ...given }), 1);
      const start = stepsPerEpoch - 1;
      await using input = openInput(batches, { name: 'mult-vae', end: start + 8, thread: true });
      const inOrder = batches.open();
      for (let step = 0; step < start; step++) inOrder(step, heap);
      for (let step = start; step < start + 8; step++)
        expect(await input.take(step)).toEqual(inOrder(step, heap));
    },
  );
});

describe('a fit', () => {
  it.each(['residual', 'published'])('finds what is missing of a taste: %s', async (architecture) => {
    using model = await fitTastes({ architecture, epochs: 60 });
    const own = Array.from({ length: 8 }, (_, i) => 25 + i);
    const [scores] = await model.score([queryOf(...own)]);
    const found = topK(scores!, 4, (item) => own.includes(item)).indices;
    expect([...found].sort((a, b) => a - b)).toEqual([33, 34, 35, 36]);
  });

  it('yields the same bytes for the same seed, others for another, with sampled negatives', async () => {
    using first = await fitTastes({ negatives: 10 });
    using second = await fitTastes({ negatives: 10 });
    using other = await fitTastes({ negatives: 10 }, { seed: 2 });
    const bytes = bytesOf(await first.export());
    expect(bytesOf(await second.export())).toEqual(bytes);
    expect(bytesOf(await other.export())[0]).not.toEqual(bytes[0]);
  });

  it('stops where validation was best, and repeats that way without it, after a kill too', async () => {
    let calls = 0;
    const validate = async () => -Math.abs(calls++ - 2);
    const states: Uint8Array[] = [];
    const save = async (state: Uint8Array) => void states.push(state.slice());
    using chosen = await fitTastes({}, { validate, checkpoints: { load: async () => undefined, save } });
    expect(chosen.fittedOptions).toMatchObject({ epochs: 12, stopAfter: 6 });
    const bytes = bytesOf(await chosen.export());
    using again = await multVae.fit(tastes(), v.parse(multVae.options, chosen.fittedOptions), quietRun());
    expect(bytesOf(await again.export())).toEqual(bytes);
    calls = 2;
    const checkpoints = { load: async () => states[0], save: async () => {} };
    using resumed = await fitTastes({}, { validate, checkpoints });
    expect(bytesOf(await resumed.export())).toEqual(bytes);
  });
});
