import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../../batch/backend/index.ts';
import type { Dataset } from '../../../batch/data/dataset.ts';
import { loadDataset } from '../../../batch/data/ingest.ts';
import { splitDataset } from '../../../batch/data/split.ts';
import { primaryMetric } from '../../../batch/evaluate/evaluate.ts';
import { openOnnx } from '../../../batch/export/onnx/session.ts';
import { parseConfig } from '../../../batch/load-config.ts';
import { twoTower } from '../../../batch/models/two-tower.ts';
import { itemFeatures } from '../../../batch/models/two-tower-features.ts';
import { encoderOnnx, initialParameters, queryTower } from '../../../batch/models/two-tower-network.ts';
import type { Artifact, Run } from '../../../batch/recommender.ts';
import { historyBatch } from '../../../batch/training/histories.ts';
import { normal, seededRandom } from '../../../batch/training/random.ts';
import perigeeConfig from '../../../perigee.config.ts';
import { ages, positions } from '../../../shared/features.ts';
import { latest } from '../../../shared/history.ts';
import { topK } from '../../../shared/ranking.ts';
import { datasetOf, queryOf, quietRun } from '../../fixtures/dataset.ts';

beforeAll(async () => {
  await openBackend();
});

describe('item features', () => {
  it('are the categories of two items and more, and the tenth of the prices', () => {
    const attributes = [
      undefined,
      { categories: ['mugs', 'blue'], price: 1 },
      { categories: ['mugs', 'mugs'] },
      { price: 1 },
      { price: 50 },
    ];
    const features = itemFeatures({ attributes });
    // 'blue' and the price 50 belong to one item each.
    expect(features.count).toBe(2);
    expect(Array.from(features.items)).toEqual([1, 1, 2, 3]);
    expect(Array.from(features.features)).toEqual([0, 1, 0, 1]);
    expect(Array.from(features.weights)).toEqual([
      Math.fround(Math.SQRT1_2),
      Math.fround(Math.SQRT1_2),
      1,
      1,
    ]);
  });
  it('are words too', () => {
    const features = itemFeatures({
      attributes: [undefined, undefined, { categories: ['mugs'] }, { categories: ['mugs'] }],
      features: [[], ['mugs', 'red'], ['red'], ['blue']],
    });
    expect(features.count).toBe(2);
    expect(Array.from(features.items)).toEqual([1, 2, 2, 3]);
    expect(Array.from(features.features)).toEqual([1, 0, 1, 0]);
  });
  it('are none where nothing is known', () => {
    expect(itemFeatures({ attributes: [undefined, undefined, {}] }).count).toBe(0);
  });
});

describe('the encoder', () => {
  const dimensions = 6;
  const rows = 9;
  const random = normal(seededRandom(3));
  const table = Float32Array.from({ length: rows * dimensions }, random).fill(0, 0, dimensions);
  const history = queryOf(
    { item: 4, time: 1_600_000_000, weight: 0.25 },
    { item: 2, time: 1_600_500_000 },
    { item: 4, time: 1_601_000_000 },
    { item: 8, time: 1_601_000_100, weight: 0.5 },
  ).history;

  it('sums the rows of a history when untrained, whatever the number of heads', () => {
    const scores = [1, 3].map((heads) => {
      const parameters = initialParameters(table, dimensions, {
        features: itemFeatures({ attributes: [] }),
        heads,
      });
      const query = tf.tidy(() =>
        queryTower(parameters, tf.tensor2d(table, [rows, dimensions]), historyBatch([history], 1)).dataSync(),
      );
      tf.dispose(parameters);
      return Array.from(query);
    });
    // One event, weight ½: √½ of its row.
    for (const found of scores)
      for (const [j, value] of found.entries())
        expect(value).toBeCloseTo(Math.SQRT1_2 * table[8 * dimensions + j]!, 5);
  });

  it('is the same in ONNX for histories of any length', async () => {
    const parameters = initialParameters(table, dimensions, {
      features: itemFeatures({ attributes: [] }),
      heads: 2,
    });
    for (const variable of Object.values(parameters))
      tf.tidy(() =>
        variable.assign(
          tf.tensor(
            Float32Array.from({ length: variable.size }, () => 0.5 * random()),
            variable.shape,
          ),
        ),
      );
    const trained = parameters['history']!.dataSync() as Float32Array;
    await using session = await openOnnx(encoderOnnx(parameters, 1.5));
    for (const length of [1, 2, 4]) {
      const cut = latest(history, length);
      const batch = [queryOf().history, cut];
      const queries = tf.tidy(() =>
        queryTower(parameters, parameters['history'] as tf.Tensor2D, historyBatch(batch, 10)).dataSync(),
      );
      const rowsOf = [...cut.items].flatMap((item) => [
        ...trained.subarray(item * dimensions, (item + 1) * dimensions),
      ]);
      const column = (data: Float32Array) => ({ data, dimensions: [1, length] });
      const { query } = await session.run({
        rows: { data: Float32Array.from(rowsOf), dimensions: [1, length, dimensions] },
        ages: column(ages(cut)),
        weights: column(cut.weights),
        positions: column(positions(cut)),
      });
      // The second query of the batch; the first history is empty.
      for (let j = 0; j < dimensions; j++)
        expect(query!.data[j]).toBeCloseTo(1.5 * queries[dimensions + j]!, 4);
    }
    tf.dispose(parameters);
  });
});

/** Users who go round a circle of items, in twos: what comes next follows from the last basket, not from what is popular. */
function circle(): Dataset {
  const random = seededRandom(5);
  const size = 30;
  const users = Array.from({ length: 240 }, () => {
    const start = Math.floor(random() * size);
    return Array.from({ length: 12 }, (_, step) => ({
      item: 1 + ((start + step) % size),
      time: 1_600_000_000 + step * 86_400,
    }));
  });
  const dataset = datasetOf(users, size + 1);
  return {
    ...dataset,
    attributes: dataset.itemIds.map((_, item) =>
      item === 0 ? undefined : { categories: [`c${item % 3}`], price: item },
    ),
  };
}

const small = { dimensions: 16, epochs: 3, validationsPerEpoch: 2, batchSize: 64 };
const fitCircle = (options: object, run: Partial<Run> = {}) =>
  twoTower.fit(circle(), v.parse(twoTower.options, { ...small, ...options }), quietRun(run));
const bytesOf = (artifact: Artifact): Uint8Array[] => {
  if (artifact.kind !== 'embedding') throw new Error(`expected an embedding, found ${artifact.kind}`);
  const { items, history, encoder } = artifact;
  return [
    new Uint8Array(items.values.slice().buffer),
    new Uint8Array(history!.values.slice().buffer),
    encoder.onnx,
  ];
};

describe('a fit', () => {
  it('learns what comes next from the order of events', async () => {
    using model = await fitCircle({ epochs: 10, learningRate: 0.05 });
    const own = [4, 5, 6, 7];
    const query = queryOf(...own.map((item, at) => ({ item, time: 1e9 + at * 86_400 })));
    const [scores] = await model.score([query]);
    expect(topK(scores!, 1, (item) => own.includes(item)).indices[0]).toBe(8);
  });

  it.each([
    ['the whole catalogue', {}],
    ['sampled negatives', { negatives: 10 }],
  ])('yields the same bytes for the same seed, others for another: softmax over %s', async (_, options) => {
    using first = await fitCircle(options);
    using second = await fitCircle(options);
    using other = await fitCircle(options, { seed: 2 });
    const bytes = bytesOf(await first.export());
    expect(bytesOf(await second.export())).toEqual(bytes);
    expect(bytesOf(await other.export())[0]).not.toEqual(bytes[0]);
  });

  it('goes on after a kill at any checkpoint to the same bytes, with sampling and validation', async () => {
    const options = { negatives: 10 };
    let calls = 0;
    const validate: NonNullable<Run['validate']> = async (score) =>
      (await score([queryOf(1, 2, 3)]))[0]![4]! - 0.01 * calls++;
    const states: Uint8Array[] = [];
    const countCalls: number[] = [];
    using whole = await fitCircle(options, {
      validate,
      checkpoints: {
        load: async () => undefined,
        save: async (state) => {
          states.push(state.slice());
          countCalls.push(calls);
        },
      },
    });
    const expected = bytesOf(await whole.export());
    expect(states.length).toBeGreaterThan(2);
    for (const [at, state] of states.entries()) {
      calls = countCalls[at]!;
      using resumed = await fitCircle(options, {
        validate,
        checkpoints: { load: async () => state, save: async () => {} },
      });
      expect(resumed.fittedOptions).toEqual(whole.fittedOptions);
      expect(bytesOf(await resumed.export())).toEqual(expected);
    }
  });

  it('fills in the epochs that validation chose, and repeats them without validation', async () => {
    let calls = 0;
    const best = 3;
    using chosen = await fitCircle({}, { validate: async () => -Math.abs(calls++ - best) });
    const { epochs } = chosen.fittedOptions as { epochs: number };
    expect(epochs).toBeGreaterThan(1);
    expect(epochs).toBeLessThan(3);
    using again = await twoTower.fit(circle(), v.parse(twoTower.options, chosen.fittedOptions), quietRun());
    expect(bytesOf(await again.export())).toEqual(bytesOf(await chosen.export()));
  });

  it('gives an item without events a place by its features', async () => {
    const dataset = circle();
    const sector = (item: number): string => `sector ${Math.floor((item - 1) / 6)}`;
    const withNew: Dataset = {
      ...dataset,
      itemIds: [...dataset.itemIds, 'new-0', 'new-2', 'bare', 'alone'],
      attributes: [...dataset.attributes, undefined, undefined, undefined, undefined],
      features: [
        ...dataset.itemIds.map((_, item) => (item === 0 ? [] : [sector(item)])),
        [sector(1)],
        [sector(13)],
        [],
        ['no other item'],
      ],
    };
    using model = await twoTower.fit(withNew, v.parse(twoTower.options, small), quietRun());
    const [early, late] = await model.score([queryOf(1, 2, 3), queryOf(13, 14, 15)]);
    expect(early![31]).toBeGreaterThan(early![32]!);
    expect(late![32]).toBeGreaterThan(late![31]!);
    // In a history it stands for its sector, too.
    const [afterNew] = await model.score([queryOf(32)], [Int32Array.of(14, 5)]);
    expect(afterNew![0]).toBeGreaterThan(afterNew![1]!);
    const artifact = await model.export();
    if (artifact.kind !== 'embedding') throw new Error('expected an embedding');
    expect(artifact.items.rows).toBe(35);
  });
});

describe('on the embedded data set', () => {
  it('beats EASE (.0920) at what customers buy anew', async () => {
    const config = parseConfig(perigeeConfig, 'perigee.config.ts');
    const signal = new AbortController().signal;
    const { dataset } = await loadDataset(config.data, {
      baseDirectory: path.resolve(import.meta.dirname, '../../..'),
      signal,
      progress() {},
    });
    const { trainAndValidation, test } = splitDataset(dataset, config.split, config.seed);
    // What validation chooses; see docs/models.md.
    const options = v.parse(twoTower.options, { epochs: 1.25 });
    using model = await twoTower.fit(trainAndValidation, options, quietRun());
    expect(await primaryMetric(model.score, test, config.evaluation, signal)).toBeGreaterThan(0.1);
  });
});
