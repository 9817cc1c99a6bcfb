import * as v from 'valibot';
import {
  ItemId,
  ItemResponse,
  Limit,
  RecommendationRequest,
  RecommendationResponse,
  ReleaseResponse,
  SearchResponse,
} from '../shared/api.ts';

/**
 * The HTTP API's operations: what each takes and answers. app.ts routes by this list and openapi.ts describes it, so the
 * two cannot differ.
 */
export interface Operation {
  readonly method: 'GET' | 'POST';
  /** As in OpenAPI: `/v1/items/{itemId}`. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  /** Parameters in the path: always there, percent-encoded. */
  readonly parameters?: Readonly<Record<string, v.GenericSchema>>;
  /** Parameters in the query string. Numbers, booleans and JSON objects are read from their text first. */
  readonly query?: v.ObjectSchema<v.ObjectEntries, undefined>;
  readonly body?: v.GenericSchema;
  readonly answer: v.GenericSchema;
  /** Problems besides those that any request can meet. */
  readonly problems: readonly number[];
  /** Whether the answer depends on nothing but the URL and the release. */
  readonly cacheable: boolean;
}

const attributes = v.optional(v.boolean(), false);
const itemPath = { itemId: ItemId };

/** Query string of the lists of items. */
export const ListQuery = v.object({
  limit: v.optional(Limit, 20),
  attributes,
  filter: RecommendationRequest.entries.filter,
});
/** Query string of the search. */
export const SearchQuery = v.object({
  query: v.pipe(v.string(), v.trim(), v.minLength(1, 'expected words to search for'), v.maxLength(256)),
  limit: v.optional(Limit, 20),
});

/** The worker runs. */
const Health = v.strictObject({ status: v.literal('ok') });
const OpenApiDocument = v.looseObject({ openapi: v.string() });

/** Every operation by its operationId. */
export const operations = {
  recommend: {
    method: 'POST',
    path: '/v1/recommendations',
    summary: 'Items for somebody with this history',
    description:
      'Popular items where the model cannot rank: for an empty history, or past the end of what it ranks. Each item names its ' +
      'source, and `degraded` says which stage fell back and why.',
    body: RecommendationRequest,
    answer: RecommendationResponse,
    problems: [400, 408, 413, 415, 422, 503],
    cacheable: false,
  },
  popular: {
    method: 'GET',
    path: '/v1/items/popular',
    summary: 'The most popular items',
    query: ListQuery,
    answer: RecommendationResponse,
    problems: [400, 422, 503],
    cacheable: true,
  },
  similar: {
    method: 'GET',
    path: '/v1/items/{itemId}/similar',
    summary: 'Items for somebody whose history is this one item',
    parameters: itemPath,
    query: ListQuery,
    answer: RecommendationResponse,
    problems: [400, 404, 422, 503],
    cacheable: true,
  },
  item: {
    method: 'GET',
    path: '/v1/items/{itemId}',
    summary: 'What is known of an item',
    parameters: itemPath,
    answer: ItemResponse,
    problems: [404, 422, 503],
    cacheable: true,
  },
  search: {
    method: 'GET',
    path: '/v1/items',
    summary: 'Items whose title or id contains every word of the query',
    query: SearchQuery,
    answer: SearchResponse,
    problems: [422, 503],
    cacheable: true,
  },
  release: {
    method: 'GET',
    path: '/v1/release',
    summary: 'The release that answers, and whether moving to another one failed',
    answer: ReleaseResponse,
    problems: [503],
    cacheable: false,
  },
  health: {
    method: 'GET',
    path: '/healthz',
    summary: 'Whether the worker runs, with or without a release',
    answer: Health,
    problems: [],
    cacheable: false,
  },
  openapi: {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This description',
    answer: OpenApiDocument,
    problems: [],
    cacheable: false,
  },
} as const satisfies Record<string, Operation>;

/** An operationId. */
export type OperationName = keyof typeof operations;
