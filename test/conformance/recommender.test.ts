import { describe } from 'vitest';
import { recommenders } from '../../batch/models/index.ts';
import { friendlyData } from './friends.ts';
import { type RecommenderCase, testRecommender } from './recommender.ts';

const closedForm = { checkpoints: 'fitted in one go, nothing to resume' };

/** What a model needs besides the defaults; a model that is not listed runs the whole suite with its own. */
const people = { data: friendlyData };
const cases: Record<string, RecommenderCase> = {
  popularity: { exempt: { ...closedForm, checkerboard: 'answers everybody alike' } },
  'item-knn': { exempt: closedForm },
  ease: { exempt: closedForm },
  'graph-filter': { exempt: closedForm },
  caser: { options: { dropout: 0.1, learningRate: 0.01 } },
  'next-it-net': { options: { learningRate: 0.01 } },
  'common-neighbours': { ...people, exempt: closedForm },
  'adamic-adar': { ...people, exempt: closedForm },
  friends: { ...people, exempt: closedForm },
  'mult-vae': { options: { hidden: 64, dimensions: 32, epochs: 40 } },
};

describe('every model keeps the contract of batch/recommender.ts', () => {
  for (const recommender of recommenders) testRecommender(recommender, cases[recommender.name] ?? {});
});
