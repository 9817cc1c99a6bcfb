import * as v from 'valibot';
import { ConfigError } from '../../shared/errors.ts';
import { parseOptions } from '../fit.ts';
import type { Recommender, SearchSpace } from '../recommender.ts';
import { type Random, seededRandom } from '../training/random.ts';
import type { OptionValue } from './dimensions.ts';

/** What a trial tries: values of the options that are searched. */
export type Point = Readonly<Record<string, OptionValue>>;

/** Options of a model as a config gives them. */
export type GivenOptions = Readonly<Record<string, unknown>>;

/** @throws ConfigError for a model that declares nothing to search */
export function searchOf({ name, search }: Recommender): SearchSpace {
  if (search === undefined) throw new ConfigError(`${name} declares no options to search`);
  return search;
}

/** What a config says of a model's options, before defaults. @throws ConfigError when that is no object */
export function givenOptions(
  recommender: Recommender,
  models: Readonly<Record<string, unknown>>,
): GivenOptions {
  const given = models[recommender.name] ?? {};
  parseOptions(recommender, given);
  return v.parse(v.record(v.string(), v.unknown()), given);
}

/** Draws in a row that are allowed to be repetitions, before the space counts as exhausted. */
const patience = 200;

/**
 * Different points of a model's search space, the first of a larger number being those of a smaller: the seed alone decides. Fewer
 * than asked where the space has no more.
 * @throws ConfigError when a point does not pass the model's schema together with what the config gives
 */
export function drawPoints(
  recommender: Recommender,
  given: GivenOptions,
  count: number,
  seed: number,
): Point[] {
  const random = seededRandom(seed);
  const space = searchOf(recommender);
  const points = new Map<string, Point>();
  for (let repeated = 0; points.size < count && repeated < patience; ) {
    const point = draw(space, random);
    const key = JSON.stringify(point);
    if (points.has(key)) {
      repeated++;
      continue;
    }
    parseOptions(recommender, { ...given, ...point });
    points.set(key, point);
    repeated = 0;
  }
  return [...points.values()];
}

const draw = ({ options }: SearchSpace, random: Random): Point =>
  Object.fromEntries(Object.entries(options).map(([name, dimension]) => [name, dimension.sample(random)]));
