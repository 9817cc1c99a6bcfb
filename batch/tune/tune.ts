import * as v from 'valibot';
import { FitError } from '../../shared/errors.ts';
import type { Config } from '../config.ts';
import { type Difference, differencesOf } from '../evaluate/compare.ts';
import { parseOptions } from '../fit.ts';
import type { Recommender, SearchSpace } from '../recommender.ts';
import { planRungs, type Rung, successiveHalving } from './halving.ts';
import type { Result } from './messages.ts';
import { drawPoints, type GivenOptions, givenOptions, type Point, searchOf } from './points.ts';
import type { Pool } from './pool.ts';

/** A fit of the search, as whoever watches sees it. */
export interface Trial {
  /** From 1, in the order drawn; 0 is the model as the config has it. */
  readonly number: number;
  /** What the search drew. */
  readonly point: Point;
  /** As a config would give them. */
  readonly options: GivenOptions;
  readonly budget: number | undefined;
}

export interface Finished extends Trial {
  readonly result: Result;
}

/** Told of every change, for a table. */
export interface Watcher {
  planned(rungs: readonly Rung[], points: number): void;
  running(trial: Trial, fraction: number): void;
  finished(trial: Finished): void;
  /** The model cannot be fitted with these options; the search goes on. */
  unfit(trial: Trial, reason: string): void;
}

export interface Tuned {
  /** The model as the config has it. */
  readonly configured: Finished;
  /** The best of all fits, the configured one included: of equals the one with less budget, then the earlier. */
  readonly best: Finished;
  /** Best minus configured, paired over the validation queries. */
  readonly gain: Difference;
  readonly fits: number;
  /** Whether the search ended before its plan did. */
  readonly stopped: boolean;
}

export interface TuneOptions {
  readonly trials: number;
  /** Of the draws; the models' own is the config's. */
  readonly seed: number;
  readonly pool: Pool;
  /** Ends the search with what has been found by then. */
  readonly deadline: AbortSignal;
  readonly watcher: Watcher;
}

/**
 * Random search with successive halving over the options that a model declares, by the primary metric on the validation split. The same
 * seed gives the same result, however many processes fit.
 * @throws FitError when the model as configured cannot be fitted, or not before the deadline; ConfigError when it declares no search
 */
export async function tune(recommender: Recommender, config: Config, options: TuneOptions): Promise<Tuned> {
  const given = givenOptions(recommender, config.models);
  const points = drawPoints(recommender, given, options.trials, options.seed);
  const { budget } = searchOf(recommender);
  const most = budget && budgetOf(recommender, given, budget);
  const rungs = planRungs(points.length, budget, most);
  options.watcher.planned(rungs, points.length);
  const fits = openFits(recommender, options);
  const trials = [...points.entries()].map(([at, point]) => ({ number: at + 1, point }));
  const asConfigured: Trial = { number: 0, point: {}, options: given, budget: most };
  const [configured] = await Promise.all([
    fits.fit(asConfigured),
    successiveHalving(trials, rungs, async ({ number, point }, share) => {
      const spending = budget && share !== undefined ? { [budget.option]: share } : {};
      const trial = { number, point, budget: share, options: { ...given, ...point, ...spending } };
      return (await fits.fit(trial))?.result.figure;
    }),
  ]);
  if (configured === undefined) throw new FitError(unmeasured(recommender, fits.stopped()));
  const best = fits.finished.toSorted(better)[0]!;
  return {
    configured,
    best,
    gain: gainOf(best.result, configured.result, config),
    fits: fits.finished.length,
    stopped: fits.stopped(),
  };
}

const unmeasured = ({ name }: Recommender, stopped: boolean): string =>
  stopped
    ? `${name}: expected time for at least the options as configured, found it over; run again to go on, with more --minutes`
    : `${name} cannot be fitted with the options as configured, so there is nothing to compare with`;

/** The highest figure first; of equals the cheaper, then the earlier. */
const better = (a: Finished, b: Finished): number =>
  b.result.figure - a.result.figure || (a.budget ?? 0) - (b.budget ?? 0) || a.number - b.number;

/** The most that a trial gets: what the option is as configured. */
function budgetOf(
  recommender: Recommender,
  given: GivenOptions,
  { option, most }: NonNullable<SearchSpace['budget']>,
): number {
  const filled = v.parse(v.record(v.string(), v.unknown()), parseOptions(recommender, given));
  return v.parse(v.number(), filled[option] ?? most);
}

function gainOf(best: Result, configured: Result, { evaluation, seed }: Config): Difference {
  const difference = best.perQuery.map((value, query) => value - configured.perQuery[query]!);
  return differencesOf([difference], { samples: evaluation.bootstrapSamples, seed })[0]!;
}

interface Fits {
  readonly finished: readonly Finished[];
  /** Undefined for options that cannot be fitted, and after the deadline. */
  fit(trial: Trial): Promise<Finished | undefined>;
  stopped(): boolean;
}

function openFits({ name }: Recommender, { pool, deadline, watcher }: TuneOptions): Fits {
  const finished: Finished[] = [];
  let stopped = false;
  return {
    finished,
    stopped: () => stopped,
    async fit(trial) {
      try {
        const task = { kind: 'task', model: name, options: trial.options } as const;
        const result = await pool.run(task, (fraction) => watcher.running(trial, fraction));
        const done = { ...trial, result };
        finished.push(done);
        watcher.finished(done);
        return done;
      } catch (error) {
        if (error instanceof FitError) watcher.unfit(trial, error.message);
        else if (error === deadline.reason) stopped = true;
        else throw error;
        return undefined;
      }
    },
  };
}
