import { describe } from 'vitest';
import { rankers } from '../../batch/models/index.ts';
import { type RankerCase, testRanker } from './ranker.ts';

/** What a ranker needs besides the defaults; one that is not listed runs the whole suite with its own. */
const cases: Record<string, RankerCase> = {
  'ctr-ranker': {
    options: {
      dimensions: 8,
      heads: 2,
      headWidth: 8,
      hidden: [16],
      crossRank: 8,
      batchSize: 512,
      epochs: 40,
      validationsPerEpoch: 0.2,
      learningRate: 0.01,
    },
  },
};

describe('every ranker keeps the contract of batch/ranking/ranker.ts', () => {
  for (const ranker of rankers) testRanker(ranker, cases[ranker.name] ?? {});
});
