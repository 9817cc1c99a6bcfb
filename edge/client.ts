import type * as v from 'valibot';
import type { operations } from './operations.ts';

/**
 * The HTTP API, typed: for browsers and for Node, without a dependency; the types are the worker's own schemas.
 *
 *     const perigee = createClient({ url: 'https://recommend.example.com' });
 *     const { items } = await perigee.recommend({ history: [{ itemId: '20725' }], limit: 10 });
 */
export interface ClientOptions {
  /** Where the worker answers; a path before `/v1` is kept. */
  readonly url: string;
  /** Milliseconds until an attempt is given up. */
  readonly timeout?: number;
  /** How often a call is tried again, where that is safe and may help. */
  readonly retries?: number;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Another fetch than the platform's. */
  readonly fetch?: typeof fetch;
}

type Operations = typeof operations;
type Asked<Name extends keyof Operations> = Operations[Name] extends {
  readonly body: infer Schema extends v.GenericSchema;
}
  ? v.InferInput<Schema>
  : Operations[Name] extends { readonly query: infer Schema extends v.GenericSchema }
    ? v.InferInput<Schema>
    : never;
type Answered<Name extends keyof Operations> = v.InferOutput<Operations[Name]['answer']>;

/** Each call rejects with an {@link ApiError}, or with the reason of `signal` when that aborts it. */
export interface Client {
  recommend(request: Asked<'recommend'>, signal?: AbortSignal): Promise<Answered<'recommend'>>;
  popular(query?: Asked<'popular'>, signal?: AbortSignal): Promise<Answered<'popular'>>;
  similar(itemId: string, query?: Asked<'similar'>, signal?: AbortSignal): Promise<Answered<'similar'>>;
  item(itemId: string, signal?: AbortSignal): Promise<Answered<'item'>>;
  search(query: Asked<'search'>, signal?: AbortSignal): Promise<Answered<'search'>>;
  release(signal?: AbortSignal): Promise<Answered<'release'>>;
}

/** What RFC 9457 says of a refusal; see `Problem` in shared/api.ts. */
interface ProblemDetails {
  readonly title: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** The worker refused, answered something else than JSON, or gave no answer in time. */
export class ApiError extends Error {
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;
  readonly problem: ProblemDetails;

  constructor(status: number, problem: ProblemDetails, cause?: unknown) {
    super(problem.detail ?? problem.title, { cause });
    this.name = 'ApiError';
    this.status = status;
    this.problem = problem;
  }
}

/** Every call only reads, so that any may be repeated; these may then go better. 0: no answer. */
const passing = [0, 408, 429, 500, 502, 503, 504];
const firstDelay = 100;
const longestDelay = 5_000;

export function createClient(options: ClientOptions): Client {
  const { url, timeout = 2_000, retries = 2, headers = {}, fetch = globalThis.fetch } = options;
  const base = url.replace(/\/+$/, '');

  async function attempt(path: string, body: unknown, signal?: AbortSignal): Promise<Answer> {
    const late = AbortSignal.timeout(timeout);
    try {
      const response = await fetch(base + path, {
        signal: signal ? AbortSignal.any([signal, late]) : late,
        headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
        ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      });
      return await read(response);
    } catch (cause) {
      signal?.throwIfAborted();
      const title = late.aborted ? `no answer within ${timeout} ms` : 'no answer';
      return { error: new ApiError(0, { title }, cause) };
    }
  }

  async function call<T>(path: string, signal?: AbortSignal, body?: unknown): Promise<T> {
    for (let tried = 0; ; tried++) {
      const { data, error, retryAfter } = await attempt(path, body, signal);
      if (!error) return data as T;
      // A random part of a doubling delay ("full jitter"), so that clients that failed together do not return together.
      const delay = retryAfter ?? Math.random() * firstDelay * 2 ** tried;
      if (tried >= retries || !passing.includes(error.status) || delay > longestDelay) throw error;
      await wait(delay, signal);
    }
  }

  const itemPath = (itemId: string) => `/v1/items/${encodeURIComponent(itemId)}`;
  return {
    recommend: (request, signal) => call('/v1/recommendations', signal, request),
    popular: (query, signal) => call(`/v1/items/popular${search(query)}`, signal),
    similar: (itemId, query, signal) => call(`${itemPath(itemId)}/similar${search(query)}`, signal),
    item: (itemId, signal) => call(itemPath(itemId), signal),
    search: (query, signal) => call(`/v1/items${search(query)}`, signal),
    release: (signal) => call('/v1/release', signal),
  };
}

interface Answer {
  readonly data?: unknown;
  readonly error?: ApiError;
  /** Milliseconds that the worker asks to wait. */
  readonly retryAfter?: number;
}

async function read(response: Response): Promise<Answer> {
  const { ok, status } = response;
  const text = await response.text();
  try {
    const data: unknown = JSON.parse(text);
    if (ok) return { data };
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
    const error = new ApiError(status, data as ProblemDetails);
    return seconds >= 0 ? { error, retryAfter: seconds * 1_000 } : { error };
  } catch (cause) {
    return { error: new ApiError(status, { title: `expected JSON, found status ${status}` }, cause) };
  }
}

function search(query: object = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(
    pairs.map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : `${value}`]),
  ).toString();
  return text && `?${text}`;
}

const wait = (milliseconds: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done);
  });
