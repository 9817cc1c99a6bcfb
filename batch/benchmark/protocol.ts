import type { ConfigInput } from '../config.ts';
import type { Rival } from './rivals.ts';

/** What a figure is to be: at least or at most so much, or so many times a rival's in the same run. */
export interface Goal {
  readonly model: string;
  readonly metric: string;
  readonly sign: '≥' | '≤';
  readonly bound: number;
  /** The model whose figure `bound` is a multiple of. */
  readonly times?: string;
}

/** A figure that somebody else reported under this protocol. */
export interface Published {
  readonly model: string;
  readonly metric: string;
  readonly value: number;
  /** The model's; the figure may be of a later comparison. */
  readonly paper: string;
}

/** A published way of measuring, as a config, with what it is to come to. */
export interface Protocol {
  readonly name: string;
  /** File of the config, below the repository's root. */
  readonly config: string;
  /** What is not as the config has it. */
  readonly changes?: Partial<ConfigInput>;
  /** Whether its data come with the repository; else `--data` says where they lie. */
  readonly embedded?: true;
  /** Measured beside the baselines. */
  readonly rivals?: readonly Rival[];
  /** Left out: the models that retrieve. */
  readonly measures?: 'ranker';
  readonly goals: readonly Goal[];
  readonly published?: readonly Published[];
}

/** A goal is reached by the mean over seeds, not by a lucky one. Without figures where a model took no part. */
export interface JudgedGoal extends Goal {
  /** What the goal comes to in this run. */
  readonly wanted?: number;
  readonly found?: number;
  readonly reached: boolean;
}

/** @param meanOf the mean of a model's metric over the seeds; undefined where it took no part */
export function judge(goal: Goal, meanOf: (model: string, metric: string) => number | undefined): JudgedGoal {
  const found = meanOf(goal.model, goal.metric);
  const unit = goal.times === undefined ? 1 : meanOf(goal.times, goal.metric);
  if (found === undefined || unit === undefined) return { ...goal, reached: false };
  const wanted = goal.bound * unit;
  return { ...goal, wanted, found, reached: goal.sign === '≥' ? found >= wanted : found <= wanted };
}

export const goalText = ({ model, metric, sign, bound, times }: Goal): string =>
  `${model} ${metric} ${sign} ${times === undefined ? bound : `${bound} × ${times}`}`;

/** `reached: two-tower ndcg@20 ≥ 1.1 × ease; found .1099, wanted .1010`. */
export function goalSentence(goal: JudgedGoal): string {
  const { found, wanted, reached } = goal;
  if (found === undefined || wanted === undefined) return `not measured: ${goalText(goal)}`;
  const missed = `missed by ${(100 * Math.abs(1 - found / wanted)).toFixed(1)} %`;
  return `${reached ? 'reached' : missed}: ${goalText(goal)}; found ${found.toFixed(4)}, wanted ${wanted.toFixed(4)}`;
}
