import path from 'node:path';
import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadDataset } from '../../../batch/data/ingest.ts';
import { splitDataset } from '../../../batch/data/split.ts';
import { type Explained, faithfulness } from '../../../batch/evaluate/faithfulness.ts';
import type { Split } from '../../../batch/evaluate/protocol.ts';
import { openArtifact } from '../../../batch/export/artifact-scorer.ts';
import { publishable } from '../../../batch/export/publishable.ts';
import { spread } from '../../../batch/export/spread.ts';
import { parseConfig } from '../../../batch/load-config.ts';
import { recommenders } from '../../../batch/models/index.ts';
import { seededRandom } from '../../../batch/training/random.ts';
import perigeeConfig from '../../../perigee.config.ts';
import { differentItems } from '../../../shared/history.ts';
import { queryOf, quietRun } from '../../fixtures/dataset.ts';

const options = { removed: 2, excludeHistory: true, seed: 1, samples: 200 };

describe('faithfulness', () => {
  const rows = 60;
  const random = seededRandom(3);
  /** [from][to]: a few large weights among many small ones. */
  const weights = Array.from({ length: rows }, () =>
    Float32Array.from({ length: rows }, () => random() ** 6),
  );
  /** Sums of those weights, whose reasons are made from the terms of the sum by `reason`. */
  const additive = (reason: (term: number) => number): Explained => ({
    score: async (history) =>
      Float32Array.from({ length: rows }, (_, to) =>
        differentItems(history).reduce((sum, from) => sum + weights[from]![to]!, 0),
      ),
    explain: async (history, recommended) => {
      const items = differentItems(history);
      const terms = Array.from(recommended, (to) => Array.from(items, (from) => reason(weights[from]![to]!)));
      const contributions = Float64Array.from(terms.flat());
      return { method: 'exact', items, different: items.length, contributions };
    },
  });
  const histories = Array.from(
    { length: 60 },
    (_, user) =>
      queryOf(...Array.from({ length: 8 }, (_, i) => 1 + ((user * 5 + i * 7) % (rows - 1)))).history,
  );
  const measured = (reason: (term: number) => number) => faithfulness(additive(reason), histories, options);

  it('is high for the terms that made the score, about 1 for any terms, below for the least of them', async () => {
    const right = await measured((term) => term);
    const any = await measured(() => random());
    const least = await measured((term) => 1 - term);
    expect(right.queries).toBe(60);
    expect(right.factor.lower).toBeGreaterThan(2);
    expect(right.namedLeaves).toBeGreaterThan(2 * right.randomLeaves);
    expect(any.factor.lower).toBeLessThan(1.1);
    expect(any.factor.upper).toBeGreaterThan(0.9);
    expect(least.factor.upper).toBeLessThan(0.5);
  });

  it('is, for one removal, the named term beside the mean term', async () => {
    const [history] = histories;
    const { score } = additive((term) => term);
    const scores = await score(history!);
    const found = await faithfulness(
      additive((term) => term),
      [history!],
      {
        ...options,
        removed: 1,
        places: 1,
        draws: 2_000,
      },
    );
    const seen = new Set(history!.items);
    const best = scores.reduce(
      (top, value, item) => (item > 0 && !seen.has(item) && value > scores[top]! ? item : top),
      0,
    );
    const terms = Array.from(history!.items, (from) => weights[from]![best]!);
    const meanTerm = terms.reduce((sum, term) => sum + term, 0) / terms.length;
    expect(found.factor.value / (Math.max(...terms) / meanTerm)).toBeCloseTo(1, 1);
  });

  it('passes over histories of which hardly anything would be left, and repeats itself', async () => {
    const short = queryOf(1, 2, 3, 4, 4, 4).history;
    expect(
      (
        await faithfulness(
          additive((term) => term),
          [short],
          options,
        )
      ).queries,
    ).toBe(0);
    expect(await measured((term) => term)).toEqual(await measured((term) => term));
  });
});

describe('on the embedded data set, taking the named items away lowers the score 3 times as much as others do', () => {
  const config = parseConfig(perigeeConfig, 'perigee.config.ts');
  let split: Split;
  beforeAll(async () => {
    const { dataset } = await loadDataset(config.data, {
      baseDirectory: path.resolve(import.meta.dirname, '../../..'),
      signal: new AbortController().signal,
      progress() {},
    });
    split = splitDataset(dataset, config.split, config.seed);
  });

  it.each([
    ['item-knn', {}],
    ['ease', { regularisation: 300 }],
    ['two-tower', { epochs: 1, examplesPerUser: 2 }],
  ])('by %s', async (name, given) => {
    const recommender = recommenders.find((entry) => entry.name === name)!;
    using model = await recommender.fit(
      split.trainAndValidation,
      v.parse(recommender.options, given),
      quietRun({ seed: config.seed }),
    );
    const { artifact } = publishable(await model.export());
    await using scorer = await openArtifact(artifact, new Float32Array(0));
    const histories = spread(
      split.test.queries.map(({ history }) => history),
      60,
    );
    for (const removed of [1, 3]) {
      const { factor, namedLeaves, randomLeaves } = await faithfulness(scorer, histories, {
        ...options,
        removed,
        places: 3,
        draws: 3,
      });
      expect(factor.value, `${removed} removed`).toBeGreaterThan(3);
      expect(namedLeaves).toBeGreaterThan(3 * randomLeaves);
    }
  });
});
