import { rival } from './baselines.ts';
import { difference, type RankingEvaluation } from './evaluate.ts';

/**
 * Why a ranker may not be released: it does not surely order better than logistic regression on the same rows, or its
 * probabilities are surely worse. Empty where it may.
 */
export function rankerFaults(ranker: RankingEvaluation, baselines: readonly RankingEvaluation[]): string[] {
  const simple = baselines.find(({ name }) => name === rival);
  if (simple === undefined) return [`there are no figures of ${rival} to compare it with`];
  const figures = (metric: 'auc' | 'logLoss'): string =>
    `${ranker.metrics[metric].value.toFixed(4)} against ${simple.metrics[metric].value.toFixed(4)}`;
  const faults: string[] = [];
  if (!(difference(ranker, simple, 'auc').lower > 0))
    faults.push(`${ranker.name} does not beat ${rival} on the test rows: AUC ${figures('auc')}`);
  if (difference(ranker, simple, 'logLoss').lower > 0)
    faults.push(`${ranker.name} is less true than ${rival}: log-loss ${figures('logLoss')}`);
  return faults;
}
