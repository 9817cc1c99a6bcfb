import { DataError } from '../../shared/errors.ts';
import type { Estimate } from '../../shared/release.ts';

/**
 * Decisions of a logging policy and what came of them, one column entry a decision. All columns have the same length.
 * A decision chose action a in context x with probability p(a | x) > 0 and met reward r.
 */
export interface DecisionLog {
  /** r: a click, a conversion's value. */
  readonly rewards: Float64Array;
  /** p(a | x) of the logging policy, in (0, 1]. */
  readonly propensities: Float64Array;
  /** π(a | x) of the policy to evaluate, for the logged action, in [0, 1]. */
  readonly target: Float64Array;
  /** A model of rewards, fitted on other data; with it the doubly robust estimate can be made. */
  readonly rewardModel?: {
    /** q(x, a) for the logged action. */
    readonly logged: Float64Array;
    /** Σ_a π(a | x) · q(x, a). */
    readonly expected: Float64Array;
  };
}

/** What the target policy's mean reward would have been, estimated from another policy's log. */
export interface PolicyValue {
  /** Inverse propensity score (Horvitz & Thompson 1952): mean of w·r, w = π / p. Unbiased; noisy where weights are large. */
  readonly ips: Estimate;
  /** Self-normalised (Swaminathan & Joachims 2015): Σ w·r / Σ w. Slightly biased, less noisy; unmoved by a constant added to r. */
  readonly snips: Estimate;
  /** Doubly robust (Dudík et al. 2011): mean of Σ_a π·q + w·(r − q). Unbiased if p or q is right. */
  readonly dr?: Estimate;
  /** (Σ w)² / Σ w² (Kish 1965): as many decisions of the target policy itself would tell about as much. */
  readonly effectiveSampleSize: number;
  /** Share of decisions whose weight was cut to `maximumWeight`. */
  readonly clipped: number;
  /** Mean of w before clipping: near 1, or the propensities or the target are wrong. */
  readonly meanWeight: number;
}

export interface CounterfactualOptions {
  /** Larger weights count as this (Ionides 2008): less variance for a bias towards 0. Left out: none is cut. */
  readonly maximumWeight?: number;
}

/** 97.5th percentile of the standard normal distribution. */
const z = 1.959963984540054;

/**
 * Off-policy value of a policy, with 95 % intervals from the central limit theorem (of the ratio by the delta method). They
 * hold where the effective sample size is large and rewards are not too rare; decisions must be independent.
 * @throws DataError naming the first entry that is not what it must be
 */
export function evaluatePolicy(log: DecisionLog, options: CounterfactualOptions = {}): PolicyValue {
  assertLog(log);
  const { rewards, propensities, target, rewardModel } = log;
  const { maximumWeight = Number.POSITIVE_INFINITY } = options;
  const raw = target.map((probability, i) => probability / propensities[i]!);
  const weights = raw.map((weight) => Math.min(weight, maximumWeight));
  const sum = total(weights);
  const squares = weights.reduce((squared, weight) => squared + weight * weight, 0);
  const dr = rewardModel
    ? rewards.map((reward, i) => rewardModel.expected[i]! + weights[i]! * (reward - rewardModel.logged[i]!))
    : undefined;
  return {
    ips: meanWithInterval(rewards.map((reward, i) => weights[i]! * reward)),
    snips: ratioWithInterval(rewards, weights, sum),
    ...(dr && { dr: meanWithInterval(dr) }),
    effectiveSampleSize: squares === 0 ? 0 : sum ** 2 / squares,
    clipped: raw.filter((weight) => weight > maximumWeight).length / raw.length,
    meanWeight: total(raw) / raw.length,
  };
}

const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);

const around = (value: number, error: number): Estimate => ({
  value,
  lower: value - z * error,
  upper: value + z * error,
});

function meanWithInterval(values: Float64Array): Estimate {
  const { length } = values;
  const mean = total(values) / length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return around(mean, Math.sqrt(squares / (length - 1) / length));
}

/** Σ w·r / Σ w; its variance is Σ w²·(r − value)² / (Σ w)² to first order. */
function ratioWithInterval(rewards: Float64Array, weights: Float64Array, sum: number): Estimate {
  if (sum === 0)
    throw new DataError(
      'off-policy evaluation: expected the target policy to take a logged action, found none',
    );
  const value = rewards.reduce((weighted, reward, i) => weighted + weights[i]! * reward, 0) / sum;
  const squares = rewards.reduce((all, reward, i) => all + (weights[i]! * (reward - value)) ** 2, 0);
  return around(value, Math.sqrt(squares) / sum);
}

function assertLog({ rewards, propensities, target, rewardModel }: DecisionLog): void {
  const columns = { rewards, propensities, target, ...rewardModel };
  if (rewards.length < 2)
    throw new DataError(`off-policy evaluation: expected at least 2 decisions, found ${rewards.length}`);
  for (const [name, column] of Object.entries(columns)) {
    if (column.length !== rewards.length)
      throw new DataError(
        `off-policy evaluation: expected ${rewards.length} entries in ${name}, found ${column.length}`,
      );
    const isValid = validity[name as keyof typeof validity] ?? Number.isFinite;
    const at = column.findIndex((value) => !isValid(value));
    if (at >= 0)
      throw new DataError(
        `off-policy evaluation: expected ${name}[${at}] to be ${ranges[name as keyof typeof ranges] ?? 'a finite number'}, found ${column[at]}`,
      );
  }
}

const ranges = { propensities: 'in (0, 1]', target: 'in [0, 1]' } as const;
const validity = {
  propensities: (value: number): boolean => value > 0 && value <= 1,
  target: (value: number): boolean => value >= 0 && value <= 1,
};
