import { limits, type RecommendationRequest } from '../shared/api.ts';
import {
  type FeatureTensor,
  type RankerInput,
  type RankerQuestion,
  rankerFeatures,
} from '../shared/features.ts';
import type { Release } from './release.ts';
import type { Candidate } from './retrieve.ts';

/** Inputs by name; those that the manifest lists. */
export type RankerFeeds = Readonly<Partial<Record<RankerInput, FeatureTensor>>>;

/** What a run yields: probabilities [C], and the milliseconds of the computation alone, as the clock shows them. */
export interface Ranking {
  readonly probabilities: Float32Array;
  readonly milliseconds: number;
}

/** A ranker's network, ready to run: features of candidates, history and context in, probabilities out. */
export interface Ranker {
  run(feeds: RankerFeeds): Promise<Ranking>;
  release(): Promise<void>;
}

/**
 * The probability of each candidate, in one run.
 * @throws Error when the ranker fails or does not yield as many numbers between 0 and 1
 */
export async function rank(
  { manifest, ranker, kernel, placed }: Release,
  question: RankerQuestion,
): Promise<Ranking> {
  const table = placed().ranker;
  if (manifest.ranker === undefined || ranker === undefined || table === undefined)
    throw new TypeError('rank: the release has no ranker');
  const feeds = rankerFeatures(manifest.ranker, question, (items) =>
    kernel.gather(table.items, table.scratch, items),
  );
  const ranking = await ranker.network.run(feeds);
  const { probabilities } = ranking;
  const expected = question.candidates.length;
  if (probabilities.length !== expected || !probabilities.every((value) => value >= 0 && value <= 1)) {
    throw new Error(
      `ranker: expected ${expected} probabilities, found ${probabilities.length} numbers of which some are none`,
    );
  }
  return ranking;
}

/**
 * The candidates and, behind them, the items with a bid that are not among them: no more than the longest answer in all, of
 * which the last candidates without a bid make room. So a request's bids add nothing to the worst that ranking may cost.
 */
export function withBids(
  candidates: readonly Candidate[],
  bids: ReadonlyMap<number, number>,
): readonly Candidate[] {
  const present = new Set(candidates.map(({ item }) => item));
  const others = [...bids.keys()].filter((item) => !present.has(item));
  let surplus = candidates.length + others.length - limits.limit;
  const kept = candidates.toReversed().filter(({ item }) => bids.has(item) || surplus-- <= 0);
  return [...kept.reverse(), ...others.map((item): Candidate => ({ item, score: 0, source: 'bid' }))];
}

/**
 * The candidates by probability, which becomes their score, or by probability · bid and then by probability; ties by item
 * index.
 */
export function order(
  candidates: readonly Candidate[],
  probabilities: Float32Array,
  bids: ReadonlyMap<number, number>,
  by: RecommendationRequest['rankBy'],
): Candidate[] {
  const ranked = candidates.map(({ item, source }, i): Candidate => {
    const score = probabilities[i]!;
    const bid = bids.get(item);
    return { item, score, source, ...(bid !== undefined && { expectedValue: score * bid }) };
  });
  const value = ({ expectedValue = 0 }: Candidate): number => (by === 'expectedValue' ? expectedValue : 0);
  return ranked.sort((a, b) => value(b) - value(a) || b.score - a.score || a.item - b.item);
}
