import * as v from 'valibot';
import { limits } from '../../shared/api.ts';
import { FitError } from '../../shared/errors.ts';
import { maximumDimensions } from '../../shared/release.ts';
import { openBackend } from '../backend/index.ts';
import { defineRecommender } from '../recommender.ts';
import { notFriendships } from '../training/friend-graph.ts';
import type { Svd } from '../training/svd.ts';
import { bestOf } from './best-of.ts';
import { createModel } from './friends-model.ts';
import { decompose, regressionVectors } from './friends-vectors.ts';
import { popularityScores } from './popularity.ts';
import { withProfiles } from './profile.ts';

const NotNegative = v.pipe(v.number(), v.minValue(0));

export const FriendsOptions = withProfiles(
  {
    dimensions: v.optional(
      v.pipe(v.number(), v.integer(), v.multipleOf(16), v.minValue(16), v.maxValue(maximumDimensions)),
    ),
    /** Times that everybody counts as a friend of themselves. */
    self: v.optional(NotNegative, 2),
    /** How far people with many friends are damped as witnesses. With `ridge`; left out, validation chooses. */
    damping: v.optional(v.pipe(NotNegative, v.maxValue(1))),
    /** How strongly directions of small weight are shrunk. */
    ridge: v.optional(v.pipe(v.number(), v.gtValue(0))),
    /** What one thing in common (a feature of both people) counts beside a mutual friend. */
    commonItems: v.optional(NotNegative, 1),
  },
  { fast: { dimensions: 256 }, full: { dimensions: 512 } },
);
export type FriendsOptions = v.InferOutput<typeof FriendsOptions>;

const dampings = [0.5, 0.25] as const;
/** By damping. */
const ridges = [6, 20] as const;

/**
 * Who to know: a regression of everybody's friends, and of whatever people have in common, on one another, cut to its
 * strongest directions. A history is a person's friends, and the person. See friends-vectors.ts.
 */
export const friends = defineRecommender({
  name: 'friends',
  baseline: false,
  options: FriendsOptions,
  async fit(train, options, run) {
    await openBackend();
    const complaint = notFriendships(train);
    if (complaint !== undefined) throw new FitError(`friends: ${complaint}`);
    const context = { ...options, maxHistory: limits.history, popularity: popularityScores(train, {}) };
    const decompositions = new Map<number, Svd>();
    const candidates = chosenOr(options.damping, dampings).flatMap((damping) =>
      chosenOr(options.ridge, ridges).map((ridge) => ({ ...options, damping, ridge })),
    );
    const [first, ...others] = candidates;
    return bestOf(
      [first!, ...others],
      (candidate, at) => {
        const { damping, ridge } = candidate;
        run.progress(`friends with damping ${damping}, ridge ${ridge}`, at / candidates.length);
        const svd = decompositions.get(damping) ?? decompose(train, candidate, run.seed);
        decompositions.set(damping, svd);
        return createModel(regressionVectors(svd, ridge), context, candidate);
      },
      run,
    );
  },
});

const chosenOr = <T>(chosen: T | undefined, all: readonly T[]): readonly T[] =>
  chosen === undefined ? all : [chosen];
