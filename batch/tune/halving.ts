import type { SearchSpace } from '../recommender.ts';

/** A round of successive halving: how many trials take part, and how much of the budget each gets. */
export interface Rung {
  readonly trials: number;
  /** Undefined where the model has none to give. */
  readonly budget: number | undefined;
}

/** A third goes on, with three times the budget (Li et al. 2018 find 3 to 4 best). */
const reduction = 3;

/**
 * The most aggressive bracket of Hyperband (Li et al. 2018): `trials` with the least budget, the best third of them with three times as
 * much, and so on until `most`. Without a budget, or with too few trials to part, one round of all.
 * @param most the budget of the last round
 */
export function planRungs(trials: number, budget: SearchSpace['budget'], most: number | undefined): Rung[] {
  if (budget === undefined || most === undefined) return [{ trials, budget: undefined }];
  const rungs = [{ trials, budget: most }];
  for (let share = reduction; most / share >= budget.least && trials >= share; share *= reduction) {
    for (const rung of rungs) rung.trials = Math.floor(rung.trials / reduction);
    rungs.unshift({ trials, budget: rounded(most / share, budget.least) });
  }
  return rungs;
}

/** A whole number where the option wants one, else three significant digits. */
const rounded = (budget: number, least: number): number =>
  Number.isInteger(least) ? Math.round(budget) : Number(budget.toPrecision(3));

/** What became of a trial: its figure, higher is better, or undefined where it has none. */
export type Measure<T> = (trial: T, budget: number | undefined) => Promise<number | undefined>;

/**
 * Successive halving (Jamieson & Talwalkar 2016): after each round the best go on, of equals the earlier. Rounds are waited for, so that
 * the outcome does not depend on how many are measured at once. Trials without a figure drop out.
 */
export async function successiveHalving<T>(
  trials: readonly T[],
  rungs: readonly Rung[],
  measure: Measure<T>,
): Promise<void> {
  let alive = trials;
  for (const { trials: places, budget } of rungs) {
    const taking = alive.slice(0, places);
    const figures = await Promise.all(taking.map((trial) => measure(trial, budget)));
    alive = taking
      .map((trial, at) => ({ trial, figure: figures[at] }))
      .filter((entry): entry is { trial: T; figure: number } => entry.figure !== undefined)
      .sort((a, b) => b.figure - a.figure)
      .map(({ trial }) => trial);
  }
}
