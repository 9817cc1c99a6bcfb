import path from 'node:path';
import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import { EvaluationConfig } from '../../../batch/config.ts';
import { loadDataset } from '../../../batch/data/ingest.ts';
import { splitDataset } from '../../../batch/data/split.ts';
import { evaluate } from '../../../batch/evaluate/evaluate.ts';
import type { Split } from '../../../batch/evaluate/protocol.ts';
import { parseConfig } from '../../../batch/load-config.ts';
import { recommenders } from '../../../batch/models/index.ts';
import perigeeConfig from '../../../perigee.config.ts';
import { quietRun } from '../../fixtures/dataset.ts';

/**
 * What an independent implementation (float64, EASE not cut to neighbours) reached on the embedded data set under the
 * same protocol: targets, model, options, recall@20, ndcg@20.
 */
const figures = [
  ['new', 'popularity', { halfLifeDays: null }, 0.0407, 0.038],
  ['new', 'item-knn', { neighbours: 100, shrinkage: 0 }, 0.076, 0.0669],
  // At its default width, as it would be released.
  ['new', 'ease', { regularisation: 300 }, 0.1061, 0.092],
  ['any', 'popularity', { halfLifeDays: null }, 0.0621, 0.0703],
  ['any', 'item-knn', { neighbours: 100, shrinkage: 0 }, 0.1221, 0.1304],
  ['any', 'ease', { regularisation: 100, neighbours: 800 }, 0.1968, 0.2012],
] as const;

describe('on the embedded data set the baselines reach the published figures', () => {
  const splits: Partial<Record<'new' | 'any', Split>> = {};
  beforeAll(async () => {
    const config = parseConfig(perigeeConfig, 'perigee.config.ts');
    const { dataset } = await loadDataset(config.data, {
      baseDirectory: path.resolve(import.meta.dirname, '../../..'),
      signal: new AbortController().signal,
      progress() {},
    });
    for (const targets of ['new', 'any'] as const) {
      const split = { kind: 'last-basket', targets, minimumHistory: 5 } as const;
      splits[targets] = splitDataset(dataset, split, config.seed);
    }
  });

  const measure = async (targets: 'new' | 'any', name: string, options: unknown) => {
    const recommender = recommenders.find((candidate) => candidate.name === name)!;
    const { trainAndValidation, test } = splits[targets]!;
    using model = await recommender.fit(
      trainAndValidation,
      v.parse(recommender.options, options),
      quietRun(),
    );
    const config = v.parse(EvaluationConfig, { at: [20], primary: 'ndcg@20', bootstrapSamples: 0 });
    const { metrics } = await evaluate(model.score, test, config, {
      train: trainAndValidation,
      seed: 1,
      signal: new AbortController().signal,
    });
    return { recall: metrics['recall@20']!.value, ndcg: metrics['ndcg@20']!.value };
  };

  it.each(figures)('%s items: %s with %o', async (targets, name, options, recall, ndcg) => {
    const found = await measure(targets, name, options);
    expect(Math.abs(found.recall - recall), `recall@20: ${recall}, found ${found.recall}`).toBeLessThan(
      0.002,
    );
    expect(Math.abs(found.ndcg - ndcg), `ndcg@20: ${ndcg}, found ${found.ndcg}`).toBeLessThan(0.002);
  });
});
