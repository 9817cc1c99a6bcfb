import type { RecommendationRequest, RecommendationResponse, RecommendedItem } from '../shared/api.ts';
import type { Explanation } from './explain.ts';
import { exclusionOf, predicateOf } from './filter.ts';
import type { Release } from './release.ts';
import { type Candidate, listed, popular } from './retrieve.ts';

/** The answer: the first `limit` candidates. What is left out of `rest` is empty. */
export function respond(
  release: Release,
  request: Pick<RecommendationRequest, 'limit' | 'attributes'>,
  candidates: readonly Candidate[],
  rest: Partial<Pick<RecommendationResponse, 'ranker' | 'unknownItemIds' | 'degraded'>> & {
    readonly explanation?: Explanation;
  } = {},
): RecommendationResponse {
  const { ranker, explanation, unknownItemIds = [], degraded = [] } = rest;
  const items = candidates.slice(0, request.limit);
  return {
    releaseId: release.releaseId,
    model: release.manifest.model.name,
    ...(ranker !== undefined && { ranker }),
    items: items.map((candidate) => ({
      ...describe(release, candidate, request.attributes),
      ...explanation?.why.get(candidate.item),
    })),
    ...(explanation && { explained: explanation.explained }),
    unknownItemIds,
    degraded,
  };
}

/** The most popular items, asked for as such. */
export function popularItems(
  release: Release,
  { limit, attributes, filter }: Pick<RecommendationRequest, 'limit' | 'attributes' | 'filter'>,
): RecommendationResponse {
  const { catalogue, columns } = release.placed();
  const exclusion = exclusionOf(release, new Set(), predicateOf(filter, columns));
  const ranked = popular(catalogue, limit, exclusion);
  return respond(release, { limit, attributes }, listed(ranked, 'popularity'));
}

function describe(
  release: Release,
  { item, ...candidate }: Candidate,
  withAttributes: boolean,
): RecommendedItem {
  const { catalogue } = release.placed();
  const attributes = withAttributes ? catalogue.attributes(item) : undefined;
  return { itemId: catalogue.itemId(item), ...candidate, ...(attributes && { attributes }) };
}
