import type { Degradation, RecommendationRequest, RecommendationResponse } from '../shared/api.ts';
import type { History } from '../shared/history.ts';
import { encode } from './encode.ts';
import { resolveRequest } from './history.ts';
import type { Release } from './release.ts';
import { respond } from './respond.ts';
import { retrieve } from './retrieve.ts';
import type { Stopwatch } from './timing.ts';

/**
 * Answers a request: history → encode → retrieve → respond.
 * @throws HttpProblem when the request names an event kind that the release does not have
 */
export async function recommend(
  release: Release,
  request: RecommendationRequest,
  stopwatch: Stopwatch,
): Promise<RecommendationResponse> {
  const { history, excluded, unknownItemIds } = stopwatch.time('history', () =>
    resolveRequest(release.manifest, release.placed().catalogue, request),
  );
  const encoded = await stopwatch.timeAsync('encode', () => encodeOrDegrade(release, history));
  const ranked = stopwatch.time('retrieve', () =>
    encoded.degradation ? undefined : retrieve(release, history, encoded.query, request.limit, excluded),
  );
  return stopwatch.time('respond', () => ({
    ...respond(release, request, ranked, excluded, encoded.degradation),
    unknownItemIds: [...unknownItemIds],
  }));
}

/** The query, which releases without an encoder have none of; or why popularity has to answer. */
interface Encoded {
  readonly query?: Float32Array | undefined;
  readonly degradation?: Degradation;
}

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

/** The one degradation that may be gone the next time. */
export const encoderFailed = 'the encoder failed';
