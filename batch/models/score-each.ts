import type { History } from '../../shared/history.ts';
import type { Model } from '../recommender.ts';

/** A model's `score` from a function that scores the whole catalogue for one history, into a fresh array. */
export const scoreEach =
  (scoreAll: (history: History) => Float32Array): Model['score'] =>
  async (queries, candidates) =>
    queries.map(({ history }, query) => {
      const scores = scoreAll(history);
      const wanted = candidates?.[query];
      return wanted === undefined ? scores : Float32Array.from(wanted, (item) => scores[item]!);
    });
