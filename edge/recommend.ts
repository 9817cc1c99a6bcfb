import type {
  Degradation,
  RecommendationRequest,
  RecommendationResponse,
  RecommendedItem,
} from '../shared/api.ts';
import type { History } from '../shared/history.ts';
import type { Ranked } from '../shared/ranking.ts';
import { encode } from './encode.ts';
import { resolveRequest } from './history.ts';
import type { Release } from './release.ts';
import { popular, retrieve } from './retrieve.ts';
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
  const degraded: Degradation[] = [];
  const query = await stopwatch.timeAsync('encode', () => encodeOrDegrade(release, history, degraded));
  const ranked = stopwatch.time('retrieve', () =>
    degraded.length > 0 ? nothing : retrieve(release, history, query, request.limit, excluded),
  );
  return stopwatch.time('respond', () => ({
    releaseId: release.releaseId,
    model: release.manifest.model.name,
    items: fill(release, request, ranked, excluded, degraded),
    unknownItemIds: [...unknownItemIds],
    degraded,
  }));
}

const nothing: Ranked = { indices: new Int32Array(0), scores: new Float32Array(0) };

async function encodeOrDegrade(
  release: Release,
  history: History,
  degraded: Degradation[],
): Promise<Float32Array | undefined> {
  const giveUp = (reason: string): undefined => {
    degraded.push({ stage: 'encode', fallback: 'popularity', reason });
  };
  if (release.manifest.artifact.kind === 'none') return undefined;
  if (history.items.length === 0) return giveUp('the history holds no item of this release');
  try {
    return await encode(release, history);
  } catch (error) {
    console.error('encode', release.releaseId, error);
    return giveUp('the encoder failed');
  }
}

/** The model's items, then popular ones as far as `limit` has room. */
function fill(
  release: Release,
  request: RecommendationRequest,
  ranked: Ranked,
  excluded: ReadonlySet<number>,
  degraded: Degradation[],
): RecommendedItem[] {
  const items = describe(release, ranked, ofModel(release), request.attributes);
  const missing = request.limit - items.length;
  if (missing <= 0) return items;
  const filler = popular(release.placed().catalogue, missing, new Set([...excluded, ...ranked.indices]));
  if (filler.indices.length > 0 && degraded.length === 0) {
    degraded.push({
      stage: 'retrieve',
      fallback: 'popularity',
      reason: `the model ranked ${items.length} of ${request.limit} items`,
    });
  }
  return items.concat(describe(release, filler, 'popularity', request.attributes));
}

/** A release without an artifact answers by popularity as its model. */
const ofModel = ({ manifest }: Release): RecommendedItem['source'] =>
  manifest.artifact.kind === 'none' ? 'popularity' : 'model';

function describe(
  release: Release,
  { indices, scores }: Ranked,
  source: RecommendedItem['source'],
  withAttributes: boolean,
): RecommendedItem[] {
  const { catalogue } = release.placed();
  return Array.from(indices, (item, i) => {
    const attributes = withAttributes ? catalogue.attributes(item) : undefined;
    return { itemId: catalogue.itemId(item), score: scores[i]!, source, ...(attributes && { attributes }) };
  });
}

/** The most popular items, asked for as such. */
export function popularItems(release: Release, limit: number, attributes: boolean): RecommendationResponse {
  const ranked = popular(release.placed().catalogue, limit, new Set());
  return {
    releaseId: release.releaseId,
    model: release.manifest.model.name,
    items: describe(release, ranked, 'popularity', attributes),
    unknownItemIds: [],
    degraded: [],
  };
}
