import { availableParallelism } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from '../../shared/errors.ts';
import type { BackendName } from '../backend/index.ts';
import { openCache } from '../cache.ts';
import type { Config } from '../config.ts';
import { type DataContext, prepareData } from '../data/prepare.ts';
import { signed } from '../evaluate/report/format.ts';
import { parseOptions } from '../fit.ts';
import { recommenders } from '../models/index.ts';
import type { Reporter } from '../progress.ts';
import type { Recommender } from '../recommender.ts';
import { asWritten } from './option-text.ts';
import { type GivenOptions, givenOptions, type Point, searchOf } from './points.ts';
import { openPool } from './pool.ts';
import { openTable } from './table.ts';
import { type Tuned, tune } from './tune.ts';
import { writeOptions } from './write-config.ts';

/** Flags of `perigee tune`, for `util.parseArgs`. */
export const tuneFlags = {
  model: { type: 'string' },
  trials: { type: 'string', default: '27' },
  seed: { type: 'string' },
  minutes: { type: 'string' },
  processes: { type: 'string' },
  write: { type: 'boolean', default: false },
} as const;

type Flags = {
  readonly [F in keyof typeof tuneFlags]?: (F extends 'write' ? boolean : string) | undefined;
};

export interface TuneSurroundings extends Omit<DataContext, 'cache'> {
  readonly config: Config;
  /** The config's file: where `--write` writes. */
  readonly file: string;
  readonly configDirectory: string;
  readonly cacheDirectory: string;
  openBackend(): Promise<BackendName>;
  readonly environment: NodeJS.ProcessEnv;
  readonly stream: NodeJS.WriteStream;
  readonly reporter: Reporter;
}

/**
 * `perigee tune`: searches a model's options on the validation split, says what it found, and writes it into the config on request.
 * @throws ConfigError for a flag out of its range, a model that cannot be tuned, a config that cannot be edited
 */
export async function tuneCommand(flags: Flags, surroundings: TuneSurroundings): Promise<void> {
  const { config, file, reporter, stream, signal, environment } = surroundings;
  const recommender = chosenModel(flags.model, config);
  const trials = wholeNumber('trials', flags.trials, 1)!;
  const seed = wholeNumber('seed', flags.seed, 0) ?? config.seed;
  const minutes = positive('minutes', flags.minutes);
  const processes = wholeNumber('processes', flags.processes, 1);
  const backend = await surroundings.openBackend();
  const cache = await openCache(surroundings.cacheDirectory);
  const { quality } = await prepareData(config, undefined, { ...surroundings, cache });
  const size = processes ?? affordable(quality.rows.kept);
  reporter.line(`  ${recommender.name} on ${backend}, ${size} ${size === 1 ? 'process' : 'processes'}`);
  const deadline =
    minutes === undefined ? new AbortController().signal : AbortSignal.timeout(minutes * 60_000);
  const tuned = await (async () => {
    await using pool = openPool(
      { kind: 'assignment', backend, ...placesOf(surroundings) },
      { size, environment, signal: AbortSignal.any([signal, deadline]) },
    );
    using table = openTable(stream, {
      budget: recommender.search?.budget?.option,
      figure: config.evaluation.primary,
    });
    return await tune(recommender, config, { trials, seed, pool, deadline, watcher: table });
  })();
  const options = foundOptions(recommender, tuned);
  for (const line of summary(recommender, config, tuned, options)) reporter.line(line);
  if (!flags.write || tuned.best === tuned.configured) return;
  const given = givenOptions(recommender, config.models);
  await writeOptions(file, config, { model: recommender.name, given, options });
  reporter.line(`  written to ${file}\n`);
}

const placesOf = ({ config, baseDirectory, configDirectory, cacheDirectory }: TuneSurroundings) => ({
  config,
  baseDirectory,
  configDirectory,
  cacheDirectory,
});

/** What to set in the config: what was drawn, and the budget where the fit would be another without it. */
function foundOptions(recommender: Recommender, { best, configured }: Tuned): Point {
  const { budget } = searchOf(recommender);
  const filled = (options: GivenOptions): unknown => parseOptions(recommender, options);
  const drawn = filled({ ...configured.options, ...best.point });
  if (budget === undefined || best.budget === undefined || isDeepStrictEqual(drawn, filled(best.options)))
    return best.point;
  return { ...best.point, [budget.option]: best.budget };
}

function summary({ name }: Recommender, config: Config, tuned: Tuned, options: Point): string[] {
  const { best, configured, gain, fits, stopped } = tuned;
  const { primary } = config.evaluation;
  const heading = `\n  ${name}, ${primary} on the validation split, best of ${fits} fits${stopped ? ' (stopped by --minutes; run again to go on)' : ''}\n`;
  const as = `  as configured  ${configured.result.figure.toFixed(4)}`;
  if (best === configured) return [heading, `${as}  nothing better was found\n`];
  const share = `${((100 * gain.value) / configured.result.figure).toFixed(1)} %`;
  const interval = `95 % interval ${signed(primary, gain.lower)} to ${signed(primary, gain.upper)}`;
  return [
    heading,
    as,
    `  trial ${String(best.number).padEnd(7)}  ${best.result.figure.toFixed(4)}  ${signed(primary, gain.value)} (${share}), ${interval} over ${best.result.perQuery.length.toLocaleString('en-GB')} queries`,
    `\n  ${asWritten(name, options)}\n`,
    ...(gain.lower > 0
      ? []
      : ['  The interval reaches below 0: this may be no better than what is configured.']),
    `  The best of many looks better than it is: 'perigee run' measures it on the test split.\n`,
  ];
}

/** @throws ConfigError when the choice is not clear, or not to be tuned */
function chosenModel(named: string | undefined, { models }: Config): Recommender {
  const tunable = recommenders.filter(({ search }) => search !== undefined);
  const asked =
    named === undefined
      ? tunable.filter(({ name }) => name in models)
      : tunable.filter(({ name }) => name === named);
  if (asked.length === 1) return asked[0]!;
  const names = (list: readonly Recommender[]): string => list.map(({ name }) => name).join(', ');
  if (named !== undefined)
    throw new ConfigError(`--model: expected one of ${names(tunable)}, found '${named}'`);
  throw new ConfigError(
    asked.length === 0
      ? `The config names no model that can be tuned; --model names one of ${names(tunable)}`
      : `The config names ${names(asked)}: --model says which to tune`,
  );
}

function wholeNumber(flag: string, value: string | undefined, least: number): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (Number.isInteger(number) && number >= least && value.trim() !== '') return number;
  throw new ConfigError(`--${flag}: expected a whole number from ${least}, found '${value}'`);
}

function positive(flag: string, value: string | undefined): number | undefined {
  if (value === undefined || Number(value) > 0) return value === undefined ? undefined : Number(value);
  throw new ConfigError(`--${flag}: expected a number above 0, found '${value}'`);
}

/** Bytes that a fit's process is reckoned to take: TensorFlow and tables, and the events several times over. */
const processBytes = 1.5e9;
const eventBytes = 200;

/** Every other core, as far as the free memory goes; one at least. */
const affordable = (events: number): number =>
  Math.max(
    1,
    Math.min(
      Math.floor(availableParallelism() / 2),
      Math.floor(process.availableMemory() / (processBytes + events * eventBytes)),
    ),
  );
