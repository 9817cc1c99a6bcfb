import type { EvaluationSet } from '../../evaluate/protocol.ts';
import type { Query } from '../../recommender.ts';
import { type Dataset, historyOf } from '../dataset.ts';

export interface QuestionRules {
  /** Whether items of the history are neither targets nor ranked. */
  readonly excludeHistory: boolean;
  /** Different items that a history must have. */
  readonly minimumHistory: number;
}

/**
 * Asks every user of `history` (as it stands there) for the items that they have in `answers`. The two number users
 * and items alike. Users with too little history, or without a target, are not asked.
 */
export function ask(
  history: Dataset,
  answers: Dataset,
  rules: QuestionRules,
): Pick<EvaluationSet, 'queries' | 'targets' | 'excludeHistory'> {
  const queries: Query[] = [];
  const targets: Int32Array[] = [];
  for (let user = 0; user < history.userIds.length; user++) {
    const past = historyOf(history, user);
    const known = new Set(past.items);
    if (known.size < rules.minimumHistory) continue;
    const wanted = new Set(historyOf(answers, user).items);
    const relevant = rules.excludeHistory ? [...wanted].filter((item) => !known.has(item)) : [...wanted];
    if (relevant.length === 0) continue;
    queries.push({ history: past });
    targets.push(Int32Array.from(relevant));
  }
  return { queries, targets, excludeHistory: rules.excludeHistory };
}

/** A share as protocols say it. */
export const percent = (share: number): string => `${Math.round(share * 100)} %`;
