import * as v from 'valibot';
import { ItemAttributes, maxItemIdBytes } from './catalogue.ts';
import { Estimate, ReleaseId } from './release.ts';

/** The HTTP API's vocabulary: what is asked, what is answered. openapi.json is generated from these schemas. */

export const limits = {
  bodyBytes: 64 * 1024,
  /** Events read of a history, the newest ones; a longer list is accepted and cut. */
  history: 1_000,
  limit: 500,
  exclude: 1_000,
} as const;

export const ItemId = v.pipe(
  v.string(),
  v.minBytes(1, 'expected an item id, found an empty string'),
  v.maxBytes(maxItemIdBytes, `expected at most ${maxItemIdBytes} bytes of UTF-8`),
);

export const Limit = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(limits.limit));

export const HistoryEvent = v.strictObject({
  itemId: ItemId,
  /** One of the release's event kinds; left out, the release's default. */
  kind: v.optional(v.pipe(v.string(), v.maxLength(64))),
  /** Unix seconds. Events are taken as oldest first; the time sets how much older. */
  time: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(253_402_300_799))),
});
export type HistoryEvent = v.InferOutput<typeof HistoryEvent>;

export const RecommendationRequest = v.strictObject({
  /** What the user did, oldest first; empty for somebody of whom nothing is known. */
  history: v.optional(v.array(HistoryEvent), []),
  limit: v.optional(Limit, 20),
  /** Items that must not be answered. */
  exclude: v.optional(v.pipe(v.array(ItemId), v.maxLength(limits.exclude)), []),
  /** Whether the history's own items are left out; false where buying again is ordinary. */
  excludeHistory: v.optional(v.boolean(), true),
  /** Whether each item comes with its title, price, … */
  attributes: v.optional(v.boolean(), false),
});
export type RecommendationRequest = v.InferOutput<typeof RecommendationRequest>;

/** What ranked an item: the release's model, or popularity where the model could not. */
export const Source = v.picklist(['model', 'popularity']);
export type Source = v.InferOutput<typeof Source>;

export const RecommendedItem = v.strictObject({
  itemId: v.string(),
  /** Comparable within one answer and one source. */
  score: v.number(),
  source: Source,
  attributes: v.optional(ItemAttributes),
});
export type RecommendedItem = v.InferOutput<typeof RecommendedItem>;

/** A stage that did not run as planned: what took its place, and why. */
export const Degradation = v.strictObject({
  stage: v.picklist(['encode', 'retrieve']),
  fallback: Source,
  reason: v.string(),
});
export type Degradation = v.InferOutput<typeof Degradation>;

export const RecommendationResponse = v.strictObject({
  releaseId: ReleaseId,
  model: v.string(),
  items: v.array(RecommendedItem),
  /** Ids in the request that this release does not know, each once. */
  unknownItemIds: v.array(v.string()),
  degraded: v.array(Degradation),
});
export type RecommendationResponse = v.InferOutput<typeof RecommendationResponse>;

export const Item = v.strictObject({ itemId: v.string(), attributes: v.optional(ItemAttributes) });
export const ItemResponse = v.strictObject({ releaseId: ReleaseId, ...Item.entries });
/** `GET /v1/items?query=…`: items whose title or id contains the words. */
export const SearchResponse = v.strictObject({ releaseId: ReleaseId, items: v.array(Item) });
export type SearchResponse = v.InferOutput<typeof SearchResponse>;

export const ReleaseResponse = v.strictObject({
  releaseId: ReleaseId,
  name: v.string(),
  model: v.string(),
  artifact: v.picklist(['embedding', 'neighbours', 'none']),
  items: v.number(),
  eventKinds: v.record(v.string(), v.number()),
  evaluation: v.strictObject({
    protocol: v.string(),
    primary: v.string(),
    models: v.array(v.strictObject({ name: v.string(), metrics: v.record(v.string(), Estimate) })),
  }),
  activatedAt: v.string(),
  /** The newest attempt to move to another release that failed; the release above kept serving. */
  lastFailure: v.optional(
    v.strictObject({ releaseId: v.optional(v.string()), at: v.string(), reason: v.string() }),
  ),
});
export type ReleaseResponse = v.InferOutput<typeof ReleaseResponse>;

/** RFC 9457 problem details. */
export const Problem = v.strictObject({
  type: v.string(),
  title: v.string(),
  status: v.number(),
  detail: v.optional(v.string()),
  /** Of a 422: where in the request, what was expected. */
  errors: v.optional(v.array(v.strictObject({ path: v.string(), message: v.string() }))),
});
export type Problem = v.InferOutput<typeof Problem>;
