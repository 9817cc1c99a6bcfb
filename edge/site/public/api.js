/** @import { HistoryEvent, Problem, RecommendationResponse, ReleaseResponse, SearchResponse } from '../../../shared/api.ts' */
import { serverTiming } from './format.js';

/**
 * @typedef {SearchResponse['items'][number]} Item
 * @typedef {{ name: string, ms: number }} Stage
 */
/**
 * @template T
 * @typedef {{ data: T, roundTripMs: number, stages: Stage[] }} Answer
 */

/** The worker refused, or could not be reached. `retryAfter` is in seconds, where the worker named a time. */
export class ApiError extends Error {
  /**
   * @param {Pick<Problem, 'title' | 'status' | 'detail' | 'errors'>} problem status 0: no answer at all
   * @param {number} [retryAfter]
   * @param {unknown} [cause]
   */
  constructor(problem, retryAfter, cause) {
    super(problem.detail ?? problem.title, { cause });
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/**
 * @param {Response} response
 * @returns {Promise<ApiError>}
 */
async function refusal(response) {
  const after = Number(response.headers.get('retry-after') ?? Number.NaN);
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json') ?? false;
  const problem = isProblem
    ? await response.json()
    : { title: response.statusText || 'Unexpected answer', status: response.status };
  return new ApiError(problem, Number.isFinite(after) ? after : undefined);
}

/**
 * @template T
 * @param {string} path
 * @param {AbortSignal} signal
 * @param {unknown} [body] of a POST; a GET without
 * @returns {Promise<Answer<T>>}
 */
async function call(path, signal, body) {
  const started = performance.now();
  const post = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
  try {
    const response = await fetch(path, { signal, ...(body === undefined ? {} : post) });
    if (!response.ok) throw await refusal(response);
    const data = await response.json();
    const stages = serverTiming(response.headers.get('server-timing'));
    return { data, roundTripMs: performance.now() - started, stages };
  } catch (error) {
    if (error instanceof ApiError || signal.aborted) throw error;
    const detail = 'The request got no complete answer. Is the worker running, and are you online?';
    throw new ApiError({ title: 'No connection', status: 0, detail }, undefined, error);
  }
}

/** @param {Record<string, string | number | boolean>} parameters */
const query = (parameters) =>
  new URLSearchParams(Object.entries(parameters).map(([name, value]) => [name, String(value)]));

export const recommendationsPath = '/v1/recommendations';

/**
 * @param {readonly HistoryEvent[]} history oldest first
 * @param {number} limit
 * @param {boolean} explain whether each item comes with its reasons, in the page's language
 */
export const recommendationRequest = (history, limit, explain) => ({
  history,
  limit,
  attributes: true,
  ...(explain && { explain, locale: document.documentElement.lang }),
});

/**
 * @param {ReturnType<typeof recommendationRequest>} request
 * @param {AbortSignal} signal
 * @returns {Promise<Answer<RecommendationResponse>>}
 */
export const recommend = (request, signal) => call(recommendationsPath, signal, request);

/**
 * @param {number} limit
 * @param {AbortSignal} signal
 * @returns {Promise<Answer<RecommendationResponse>>}
 */
export const popular = (limit, signal) =>
  call(`/v1/items/popular?${query({ limit, attributes: true })}`, signal);

/**
 * @param {string} itemId
 * @param {number} limit
 * @param {AbortSignal} signal
 * @returns {Promise<Answer<RecommendationResponse>>}
 */
export const similar = (itemId, limit, signal) =>
  call(`/v1/items/${encodeURIComponent(itemId)}/similar?${query({ limit, attributes: true })}`, signal);

/**
 * @param {string} words
 * @param {number} limit
 * @param {AbortSignal} signal
 * @returns {Promise<Answer<SearchResponse>>}
 */
export const search = (words, limit, signal) => call(`/v1/items?${query({ query: words, limit })}`, signal);

/**
 * @param {string} itemId
 * @param {AbortSignal} signal
 * @returns {Promise<Answer<Item>>}
 */
export const item = (itemId, signal) => call(`/v1/items/${encodeURIComponent(itemId)}`, signal);

/**
 * @param {AbortSignal} signal
 * @returns {Promise<Answer<ReleaseResponse>>}
 */
export const release = (signal) => call('/v1/release', signal);
