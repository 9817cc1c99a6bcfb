import type { Degradation, RecommendationRequest, RecommendationResponse } from '../shared/api.ts';
import { chosen, type History, latest } from '../shared/history.ts';
import { encode } from './encode.ts';
import { type Explanation, explain } from './explain.ts';
import { type Exclusion, excludes, exclusionOf } from './filter.ts';
import { type ResolvedRequest, resolveRequest } from './history.ts';
import { order, rank, withBids } from './rank.ts';
import type { Release } from './release.ts';
import { respond } from './respond.ts';
import { type Candidate, candidatesFor, type Encoded } from './retrieve.ts';
import type { Stopwatch } from './timing.ts';

/**
 * Answers a request: history → encode → filter → retrieve → rank → explain → respond.
 * @throws HttpProblem when the request names an event kind, an attribute or a context feature that the release does not have
 */
export async function recommend(
  release: Release,
  request: RecommendationRequest,
  stopwatch: Stopwatch,
): Promise<RecommendationResponse> {
  const { manifest } = release;
  const { limit } = request;
  const resolved = stopwatch.time('history', () => resolveRequest(manifest, release.placed(), request));
  const history = latest(chosen(resolved.history), manifest.maxHistory);
  const encoded = await stopwatch.timeAsync('encode', () => encodeOrDegrade(release, history));
  const count = release.ranker ? Math.max(limit, manifest.ranker?.candidates ?? 0) : limit;
  // From here to the ranker nothing is awaited: the filter's bitmap is shared by all requests.
  const exclusion = stopwatch.time('filter', () => exclusionOf(release, resolved.excluded, resolved.filter));
  const { candidates, degraded } = stopwatch.time('retrieve', () =>
    candidatesFor(release, history, encoded, { count, limit }, exclusion),
  );
  const ranked = release.ranker
    ? await stopwatch.timeAsync('rank', () =>
        rankOrDegrade(release, request, { ...resolved, bids: allowed(resolved.bids, exclusion) }, candidates),
      )
    : unranked(request, candidates);
  const { explanation, ...explaining } = request.explain
    ? await stopwatch.timeAsync('explain', () =>
        explainOrDegrade(release, request, history, encoded, ranked.candidates),
      )
    : {};
  const degradations = [ranked.degradation, explaining.degradation].filter((entry) => entry !== undefined);
  return stopwatch.time('respond', () =>
    respond(release, request, ranked.candidates, {
      ...(ranked.ranker !== undefined && { ranker: ranked.ranker }),
      ...(explanation && { explanation }),
      unknownItemIds: [...resolved.unknownItemIds],
      degraded: [...degraded, ...degradations],
    }),
  );
}

/** The bids on items that the request's filter lets through. */
const allowed = (bids: ResolvedRequest['bids'], exclusion: Exclusion): ResolvedRequest['bids'] =>
  new Map([...bids].filter(([item]) => !excludes(exclusion, item)));

const toPopularity = (reason: string): Encoded => ({
  degradation: { stage: 'encode', fallback: 'popularity', reason },
});

async function encodeOrDegrade(release: Release, history: History): Promise<Encoded> {
  if (release.manifest.artifact.kind === 'none') return {};
  if (history.items.length === 0) return toPopularity('the history holds no item of this release');
  try {
    return { query: await encode(release, history) };
  } catch (error) {
    console.error('encode', release.releaseId, error);
    return toPopularity(encoderFailed);
  }
}

/** Candidates in the order of the answer, and the ranker that ordered them; or why they keep the order of retrieval. */
interface RankedCandidates {
  readonly candidates: readonly Candidate[];
  readonly ranker?: string;
  readonly degradation?: Degradation;
}

/** Candidates of which the first came from popularity all did. */
const keepOrder = (candidates: readonly Candidate[], reason: string): RankedCandidates => {
  const fallback = candidates[0]?.source === 'popularity' ? 'popularity' : 'model';
  return { candidates, degradation: { stage: 'rank', fallback, reason } };
};

/** In a release without a ranker, whose absence is told to those who asked for one. */
function unranked(
  { context, bids, rankBy }: RecommendationRequest,
  candidates: readonly Candidate[],
): RankedCandidates {
  const asked = context !== undefined || bids !== undefined || rankBy !== undefined;
  return asked ? keepOrder(candidates, 'the release has no ranker') : { candidates };
}

async function rankOrDegrade(
  release: Release,
  { rankBy }: RecommendationRequest,
  { history, context, bids }: ResolvedRequest,
  retrieved: readonly Candidate[],
): Promise<RankedCandidates> {
  const budget = release.ranker?.budget;
  const ranker = release.manifest.ranker?.model.name;
  const candidates = withBids(retrieved, bids);
  if (candidates.length === 0 || ranker === undefined) return { candidates };
  if (budget?.allows() === false) return keepOrder(retrieved, rankerTooSlow);
  try {
    const items = Int32Array.from(candidates, ({ item }) => item);
    const { probabilities, milliseconds } = await rank(release, { history, context, candidates: items });
    budget?.note(milliseconds);
    return { candidates: order(candidates, probabilities, bids, rankBy), ranker };
  } catch (error) {
    console.error('rank', release.releaseId, error);
    return keepOrder(retrieved, rankerFailed);
  }
}

async function explainOrDegrade(
  release: Release,
  { limit, locale }: RecommendationRequest,
  history: History,
  { query }: Encoded,
  candidates: readonly Candidate[],
): Promise<{ readonly explanation?: Explanation; readonly degradation?: Degradation }> {
  try {
    return { explanation: await explain(release, history, query, candidates.slice(0, limit), locale) };
  } catch (error) {
    console.error('explain', release.releaseId, error);
    return { degradation: { stage: 'explain', fallback: 'none', reason: encoderFailed } };
  }
}

const encoderFailed = 'the encoder failed';
const rankerFailed = 'the ranker failed';
const rankerTooSlow = 'the ranker is over its time budget';

/** The degradations that may be gone the next time. */
export const transientReasons: ReadonlySet<string> = new Set([encoderFailed, rankerFailed, rankerTooSlow]);
