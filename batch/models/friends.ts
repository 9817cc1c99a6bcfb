import * as v from 'valibot';
import { limits } from '../../shared/api.ts';
import { FitError } from '../../shared/errors.ts';
import { maximumDimensions } from '../../shared/release.ts';
import { openBackend } from '../backend/index.ts';
import { defineRecommender } from '../recommender.ts';
import { notFriendships } from '../training/friend-graph.ts';
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
    /** How far people with many friends are damped as witnesses: 0 not at all, 1 to a mean. */
    damping: v.optional(v.pipe(NotNegative, v.maxValue(1)), 0.5),
    /** How strongly directions of small weight are shrunk. Left out, validation chooses. */
    ridge: v.optional(v.pipe(v.number(), v.gtValue(0))),
    /** Power of the share of themselves that the others explain of people, by which their scores are divided: 1 is EASE's. */
    correction: v.optional(NotNegative, 2),
    /** What one thing in common (a feature of both people) counts beside a mutual friend. */
    commonItems: v.optional(NotNegative, 1),
  },
  { fast: { dimensions: 256 }, full: { dimensions: 512 } },
);
export type FriendsOptions = v.InferOutput<typeof FriendsOptions>;

const ridges = [6, 3, 12, 25] as const;

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
    run.signal.throwIfAborted();
    run.progress('friends: decomposing', 0);
    const svd = decompose(train, options, run.seed);
    const [first, ...others] = options.ridge === undefined ? ridges : [options.ridge];
    return bestOf(
      [first, ...others],
      (ridge) => createModel(regressionVectors(svd, { ...options, ridge }), context, { ...options, ridge }),
      run,
    );
  },
});
