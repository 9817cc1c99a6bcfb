import * as v from 'valibot';
import { FitError } from '../../shared/errors.ts';
import type { Dataset } from '../data/dataset.ts';
import { defineRecommender, type Model } from '../recommender.ts';
import { friendGraph, notFriendships, rowOf } from '../training/friend-graph.ts';
import { keepStrongest, neighboursModel } from './neighbours-model.ts';

export const CommonNeighboursOptions = v.strictObject({
  /** Friends of one person that the release holds; of more, which all weigh the same, the first by id are kept. */
  neighbours: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 1_000),
});
export type CommonNeighboursOptions = v.InferOutput<typeof CommonNeighboursOptions>;

/** How many friends two people have in common: score(a, c) = Σ over a's friends b of [c is a friend of b]. */
export const commonNeighbours = byMutualFriends('common-neighbours', () => 1);

/**
 * The same, where a mutual friend counts the less the more friends they have (Adamic & Adar 2003):
 * score(a, c) = Σ over mutual friends b of 1 / ln(friends of b).
 */
export const adamicAdar = byMutualFriends('adamic-adar', (friends) => 1 / Math.log(friends));

/**
 * A table whose row b holds b's friends, weighed by how many there are. Whoever is b's only friend gains nothing: there is
 * nobody else to find through b.
 */
function byMutualFriends(name: string, weigh: (friends: number) => number) {
  return defineRecommender({
    name,
    baseline: true,
    splits: ['friendships'],
    options: CommonNeighboursOptions,
    async fit(train, options, { signal }) {
      signal.throwIfAborted();
      const complaint = notFriendships(train);
      if (complaint !== undefined) throw new FitError(`${name}: ${complaint}`);
      return fitOne(train, options, weigh);
    },
  });
}

function fitOne(train: Dataset, options: CommonNeighboursOptions, weigh: (friends: number) => number): Model {
  const graph = friendGraph(train);
  const degrees = graph.offsets.slice(1).map((end, person) => end - graph.offsets[person]!);
  const largest = degrees.reduce((most, degree) => Math.max(most, degree), 0);
  const table = keepStrongest(graph.rows, Math.min(options.neighbours, largest), (person, put) => {
    const friends = rowOf(graph, person);
    if (friends.length < 2) return;
    for (const friend of friends) put(friend, weigh(friends.length));
  });
  return neighboursModel(table, options);
}
