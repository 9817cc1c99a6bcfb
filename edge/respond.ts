import type {
  Degradation,
  RecommendationRequest,
  RecommendationResponse,
  RecommendedItem,
} from '../shared/api.ts';
import type { Ranked } from '../shared/ranking.ts';
import type { Release } from './release.ts';
import { popular } from './retrieve.ts';

/**
 * The answer: the model's items, then popular ones as far as `limit` has room. Whatever popularity had to do for the model
 * is declared.
 */
export function respond(
  release: Release,
  request: Pick<RecommendationRequest, 'limit' | 'attributes'>,
  ranked: Ranked | undefined,
  excluded: ReadonlySet<number>,
  degradation?: Degradation,
): RecommendationResponse {
  const items = ranked ? describe(release, ranked, ofModel(release), request.attributes) : [];
  const degraded = degradation ? [degradation] : [];
  const missing = request.limit - items.length;
  if (missing > 0) {
    const taken = ranked ? new Set([...excluded, ...ranked.indices]) : excluded;
    const filler = popular(release.placed().catalogue, missing, taken);
    if (filler.indices.length > 0 && degraded.length === 0) {
      const reason = `the model ranked ${items.length} of ${request.limit} items`;
      degraded.push({ stage: 'retrieve', fallback: 'popularity', reason });
    }
    items.push(...describe(release, filler, 'popularity', request.attributes));
  }
  return {
    releaseId: release.releaseId,
    model: release.manifest.model.name,
    items,
    unknownItemIds: [],
    degraded,
  };
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
