import type { Problem } from '../shared/api.ts';

/** What a client is told went wrong, RFC 9457. Everything that is not one of these is our fault: a 500 without details. */
export class HttpProblem extends Error {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;

  constructor(problem: Problem, headers: Readonly<Record<string, string>> = {}) {
    super(problem.detail ?? problem.title);
    this.name = 'HttpProblem';
    this.problem = problem;
    this.headers = headers;
  }
}

const define =
  (status: number, name: string, title: string) =>
  (detail: string, headers?: Readonly<Record<string, string>>): HttpProblem =>
    new HttpProblem({ type: `urn:perigee:problem:${name}`, title, status, detail }, headers);

// One function a status; each takes the detail: what was expected and what was found.

/** 400 */
export const badRequest = define(400, 'malformed', 'The request cannot be read');
/** 400 */
export const badFilter = define(400, 'invalid-filter', 'The filter means nothing for this release');
/** 404 */
export const notFound = define(404, 'not-found', 'There is nothing here');
/** 404 */
export const unknownItem = define(404, 'unknown-item', 'The release has no such item');
const methodProblem = define(405, 'method-not-allowed', 'The method is not allowed here');
/** 408 */
export const timedOut = define(408, 'timeout', 'The request took too long to arrive');
/** 413 */
export const tooLarge = define(413, 'too-large', 'The request is too large');
/** 415 */
export const unsupportedMediaType = define(415, 'unsupported-media-type', 'The body is not JSON');
const tooManyProblem = define(429, 'too-many-requests', 'Too many requests');
/** 500 */
export const internal = define(500, 'internal', 'The service failed');
const unavailableProblem = define(503, 'release-unavailable', 'No release can be served at the moment');

const shownErrors = 20;

/** 422: the request can be read, but says what no request may. */
export function invalid(errors: NonNullable<Problem['errors']>): HttpProblem {
  const [first] = errors;
  return new HttpProblem({
    type: 'urn:perigee:problem:invalid',
    title: 'The request is not valid',
    status: 422,
    ...(first && { detail: first.path === '' ? first.message : `${first.path}: ${first.message}` }),
    errors: errors.slice(0, shownErrors),
  });
}

/** 405; `Allow` lists the methods. */
export const methodNotAllowed = (method: string, allowed: readonly string[]): HttpProblem =>
  methodProblem(`expected ${allowed.join(', ')}, found ${method}`, { allow: allowed.join(', ') });

/** 429 with `Retry-After`. */
export const tooManyRequests = (retryAfterSeconds: number): HttpProblem =>
  tooManyProblem('this client sent more requests than are allowed', {
    'retry-after': `${retryAfterSeconds}`,
  });

/** 503 with `Retry-After`. */
export const unavailable = (reason: string, retryAfterSeconds: number): HttpProblem =>
  unavailableProblem(reason, { 'retry-after': `${retryAfterSeconds}` });
