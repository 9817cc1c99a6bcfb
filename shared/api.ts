import * as v from 'valibot';
import { ItemAttributes, maxItemIdBytes } from './catalogue.ts';
import { ColumnType, ContextName, ContextValue, Estimate, ReleasedRanker, ReleaseId } from './release.ts';

/** The HTTP API's vocabulary: what is asked, what is answered. openapi.json is generated from these schemas. */

export const limits = {
  bodyBytes: 64 * 1024,
  /** Events read of a history, the newest ones; a longer list is accepted and cut. */
  history: 1_000,
  limit: 500,
  exclude: 1_000,
  context: 32,
  bids: 200,
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

export const Bid = v.strictObject({
  itemId: ItemId,
  /** What a click is worth, in any one currency. */
  bid: v.pipe(v.number(), v.minValue(0), v.maxValue(1e9)),
});

export const RecommendationRequest = v.strictObject({
  /** What the user did, oldest first; empty for somebody of whom nothing is known. */
  history: v.optional(v.array(HistoryEvent), []),
  limit: v.optional(Limit, 20),
  /** Items that must not be answered. */
  exclude: v.optional(v.pipe(v.array(ItemId), v.maxLength(limits.exclude)), []),
  /** Whether the history's own items are left out; false where buying again is ordinary. */
  excludeHistory: v.optional(v.boolean(), true),
  /** Which items may be answered; see filter.ts. What there is to filter by is in `/v1/release`. */
  filter: v.optional(v.record(v.string(), v.unknown())),
  /** Whether each item comes with its title, price, … */
  attributes: v.optional(v.boolean(), false),
  /** Whether each item comes with its reasons. */
  explain: v.optional(v.boolean(), false),
  /** The language of their sentences, BCP 47; left out, the header `Accept-Language` says. */
  locale: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,7}$/, 'expected a language tag such as de or en-GB'),
    ),
  ),
  /** What is known of the moment, for the ranker: values of the context features that the release lists. */
  context: v.optional(v.pipe(v.record(ContextName, ContextValue), v.maxEntries(limits.context))),
  /** Items that are ranked besides those retrieved, and what each is worth; of two for an item the higher counts. */
  bids: v.optional(v.pipe(v.array(Bid), v.maxLength(limits.bids))),
  /** What the ranker orders by: the probability, or the probability times the bid, which is 0 for an item without one. */
  rankBy: v.optional(v.picklist(['probability', 'expectedValue'])),
});
export type RecommendationRequest = v.InferOutput<typeof RecommendationRequest>;

/** Why an item is here: the release's model found it, popularity did where the model could not, or it came with a bid. */
export const Source = v.picklist(['model', 'popularity', 'bid']);
export type Source = v.InferOutput<typeof Source>;

/** What carried a recommendation: an item of the history, with its share of all that spoke for it; or popularity. */
export const Reason = v.variant('kind', [
  v.strictObject({ kind: v.literal('item'), itemId: v.string(), share: v.number() }),
  v.strictObject({ kind: v.literal('popular') }),
]);
export type Reason = v.InferOutput<typeof Reason>;

export const RecommendedItem = v.strictObject({
  itemId: v.string(),
  /** The ranker's probability where one ranked; else comparable within one answer and one source. */
  score: v.number(),
  /** The probability times the bid, where there is a bid and a ranker ranked. */
  expectedValue: v.optional(v.number()),
  source: Source,
  attributes: v.optional(ItemAttributes),
  /** Where asked for: the weightiest first, at most three; none where nothing in the history spoke for the item. */
  reasons: v.optional(v.array(Reason)),
  /** The reasons for people to read. */
  sentence: v.optional(v.string()),
});
export type RecommendedItem = v.InferOutput<typeof RecommendedItem>;

/** A stage that did not run as planned: what took its place, and why. */
export const Degradation = v.strictObject({
  stage: v.picklist(['encode', 'retrieve', 'rank', 'explain']),
  fallback: v.picklist(['model', 'popularity', 'none']),
  reason: v.string(),
});
export type Degradation = v.InferOutput<typeof Degradation>;

/** How reasons were found; see docs/explain.md. */
export const Explained = v.strictObject({
  method: v.picklist(['exact', 'leave-one-out', 'popularity']),
  /** Different items of the history that were examined, the newest, of those that the model read. */
  examined: v.number(),
  different: v.number(),
  /** Of the sentences. */
  language: v.string(),
});
export type Explained = v.InferOutput<typeof Explained>;

export const RecommendationResponse = v.strictObject({
  releaseId: ReleaseId,
  model: v.string(),
  /** The ranker whose probabilities are the scores; absent where it did not rank. */
  ranker: v.optional(v.string()),
  items: v.array(RecommendedItem),
  /** Where reasons were asked for and found. */
  explained: v.optional(Explained),
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
  /** What re-scores the items that the model retrieves, and the context features that a request may give it. */
  ranker: v.optional(
    v.strictObject({
      model: v.string(),
      candidates: ReleasedRanker.entries.candidates,
      context: ReleasedRanker.entries.context,
      evaluation: ReleasedRanker.entries.evaluation,
    }),
  ),
  items: v.number(),
  eventKinds: v.record(v.string(), v.number()),
  /** What requests can filter by. */
  attributes: v.record(v.string(), ColumnType),
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
