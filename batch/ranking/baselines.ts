import { type FactorisationOptions, fitFactorisation } from '../models/factorisation-machine.ts';
import type { RankingSplit, ScoreRows } from './ranker.ts';

const oneHot = ['user', 'item', 'attributes', 'context'] as const;

const machines: Readonly<Record<string, FactorisationOptions>> = {
  'user and item bias': { fields: ['user', 'item'], factors: 0 },
  'logistic regression': { fields: oneHot, factors: 0 },
  'factorisation machine': { fields: oneHot, factors: 16 },
};

/** What a ranker must beat to be released. */
export const rival = 'logistic regression';

/** The simple ways to a probability, in the order of their means. All but the first know users by number. */
export const baselines: readonly {
  readonly name: string;
  fit(split: Pick<RankingSplit, 'train' | 'validation'>, seed: number): ScoreRows;
}[] = [
  { name: 'constant rate', fit: ({ train }) => constantRate(train.weights) },
  ...Object.entries(machines).map(([name, options]) => ({
    name,
    fit: (split: Pick<RankingSplit, 'train' | 'validation'>, seed: number) =>
      fitFactorisation(split, options, seed),
  })),
];

/** The share of wanted rows in training, whatever is asked. */
function constantRate(weights: Float32Array): ScoreRows {
  const rate = weights.reduce((sum, weight) => sum + Number(weight > 0), 0) / weights.length;
  return async ({ items }) => new Float32Array(items.length).fill(rate);
}
