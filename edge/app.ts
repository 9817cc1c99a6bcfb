import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import { secureHeaders } from 'hono/secure-headers';
import { RecommendationRequest } from '../shared/api.ts';
import { readJson } from './body.ts';
import { describeApi } from './openapi.ts';
import { ListQuery, type Operation, type OperationName, operations, SearchQuery } from './operations.ts';
import {
  HttpProblem,
  internal,
  methodNotAllowed,
  notFound,
  tooManyRequests,
  unknownItem,
} from './problems.ts';
import { popularItems, recommend } from './recommend.ts';
import type { Release, Serving, ServingState } from './release.ts';
import { createSearch, type Search } from './search.ts';
import { type Stopwatch, stopwatch } from './timing.ts';
import { validate, validateQuery } from './validate.ts';

export interface AppOptions {
  readonly serving: Serving;
  /** Origins whose pages may call; `*` for all, empty for none but our own. */
  readonly corsOrigins: readonly string[];
  /** Seconds for which a cache may hold what depends on the release only. */
  readonly cacheSeconds: number;
  /** Whether this client may go on; absent where nothing limits. */
  readonly admit?: (client: string) => Promise<boolean>;
}

type Handler = (c: Context) => Response | Promise<Response>;

const retryAfterLimit = 10;

/** For answers that are data, never a page. */
const headers = {
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xFrameOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
};

/** The HTTP API: routes, and the one place where errors become answers. */
export function createApp(options: AppOptions): Hono {
  const app = new Hono();
  const handlers = createHandlers(options);
  app.use(secureHeaders(headers));
  if (options.corsOrigins.length > 0) app.use(crossOrigin(options.corsOrigins));
  app.use('/v1/*', async (c, next) => {
    const client = c.req.header('cf-connecting-ip');
    if (client !== undefined && options.admit && !(await options.admit(client)))
      throw tooManyRequests(retryAfterLimit);
    await next();
  });
  for (const [name, { method, path }] of Object.entries(operations) as [OperationName, Operation][]) {
    const pattern = path.replaceAll(/\{(\w+)\}/g, ':$1');
    const allowed = method === 'GET' ? ['GET', 'HEAD', 'OPTIONS'] : [method, 'OPTIONS'];
    app.on(method, pattern, handlers[name]);
    app.options(pattern, (c) => c.body(null, 204, { allow: allowed.join(', ') }));
    app.all(pattern, (c) => {
      throw methodNotAllowed(c.req.method, allowed);
    });
  }
  app.notFound((c) => answerProblem(c, notFound(`no such path: ${c.req.path}`)));
  app.onError((error, c) => {
    if (error instanceof HttpProblem) return answerProblem(c, error);
    console.error(c.req.method, c.req.path, error);
    return answerProblem(c, internal('an unexpected error; it was logged'));
  });
  return app;
}

/** Preflight requests are answered here, other OPTIONS requests by the routes. */
function crossOrigin(origins: readonly string[]) {
  const middleware = cors({
    origin: origins.includes('*') ? '*' : [...origins],
    allowMethods: ['GET', 'HEAD', 'POST'],
    allowHeaders: ['content-type', 'if-none-match'],
    exposeHeaders: ['etag', 'server-timing', 'retry-after'],
    maxAge: 86_400,
  });
  return (c: Context, next: () => Promise<void>) =>
    c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') === undefined
      ? next()
      : middleware(c, next);
}

const answerProblem = (c: Context, { problem, headers }: HttpProblem): Response =>
  c.body(JSON.stringify(problem), problem.status as 400, {
    'cache-control': 'no-store',
    ...headers,
    'content-type': 'application/problem+json',
  });

function createHandlers({ serving, cacheSeconds }: AppOptions): Record<OperationName, Handler> {
  let search: { readonly releaseId: string; readonly find: Search } | undefined;
  let description: Record<string, unknown> | undefined;

  /** Answers from the release now serving; `make` awaits nothing but the release's own computation. */
  const answer = async (
    c: Context,
    operation: Operation,
    make: (release: Release, stages: Stopwatch, state: ServingState) => Promise<object> | object,
  ): Promise<Response> => {
    const stages = stopwatch();
    const waitUntil = (work: Promise<unknown>): void => c.executionCtx.waitUntil(work);
    const { body, releaseId } = await serving.use(waitUntil, async (release, state) => ({
      body: await make(release, stages, state),
      releaseId: release.releaseId,
    }));
    if (stages.header() !== '') c.header('server-timing', stages.header());
    if (!operation.cacheable || isTransient(body)) return c.json(body, 200, { 'cache-control': 'no-store' });
    return cacheable(c, body, releaseId, cacheSeconds);
  };

  return {
    recommend: async (c) => {
      const request = validate(RecommendationRequest, await readJson(c.req.raw));
      return answer(c, operations.recommend, (release, stages) => recommend(release, request, stages));
    },
    popular: (c) => {
      const { limit, attributes } = validateQuery(ListQuery, c.req.queries());
      return answer(c, operations.popular, (release, stages) =>
        stages.time('retrieve', () => popularItems(release, limit, attributes)),
      );
    },
    similar: (c) => {
      const itemId = itemIdOf(c);
      const { limit, attributes } = validateQuery(ListQuery, c.req.queries());
      return answer(c, operations.similar, (release, stages) => {
        findItem(release, itemId);
        const request = { history: [{ itemId }], limit, attributes, exclude: [], excludeHistory: true };
        return recommend(release, request, stages);
      });
    },
    item: (c) => {
      const itemId = itemIdOf(c);
      return answer(c, operations.item, (release, stages) =>
        stages.time('retrieve', () => {
          const attributes = release.placed().catalogue.attributes(findItem(release, itemId));
          return { releaseId: release.releaseId, itemId, ...(attributes && { attributes }) };
        }),
      );
    },
    search: (c) => {
      const { query, limit } = validateQuery(SearchQuery, c.req.queries());
      return answer(c, operations.search, (release, stages) =>
        stages.time('search', () => {
          const { releaseId } = release;
          if (search?.releaseId !== releaseId) search = { releaseId, find: createSearch() };
          return { releaseId, items: search.find(release.placed().catalogue, query, limit) };
        }),
      );
    },
    release: (c) =>
      answer(c, operations.release, (release, _stages, state) => describeRelease(release, state)),
    health: (c) => c.json({ status: 'ok' }, 200, { 'cache-control': 'no-store' }),
    openapi: (c) => {
      description ??= describeApi();
      return c.json(description, 200, { 'cache-control': `public, max-age=${cacheSeconds}` });
    },
  };
}

const itemIdOf = (c: Context): string => validate(operations.item.parameters.itemId, c.req.param('itemId'));

/** @throws HttpProblem 404 */
function findItem(release: Release, itemId: string): number {
  const item = release.placed().catalogue.find(itemId);
  if (item === 0) throw unknownItem(`release ${release.releaseId} has no item ${JSON.stringify(itemId)}`);
  return item;
}

/** Whether a stage failed that may work the next time. */
const isTransient = (body: object): boolean =>
  'degraded' in body &&
  (body.degraded as readonly { readonly stage: string }[]).some(({ stage }) => stage === 'encode');

/** An answer that a cache may hold and ask for again by its ETag. Weak, since it may be compressed on the way. */
function cacheable(c: Context, body: object, releaseId: string, seconds: number): Response {
  const etag = `W/"${releaseId}"`;
  const headers = { etag, 'cache-control': `public, max-age=${seconds}` };
  const asked = (c.req.header('if-none-match') ?? '').split(',').map((tag) => tag.trim());
  if (asked.some((tag) => tag === '*' || tag.replace(/^W\//, '') === `"${releaseId}"`))
    return c.body(null, 304, headers);
  return c.json(body, 200, headers);
}

function describeRelease(
  { releaseId, manifest }: Release,
  { activatedAt, lastFailure }: ServingState,
): object {
  const { protocol, primary, models } = manifest.evaluation;
  return {
    releaseId,
    name: manifest.name,
    model: manifest.model.name,
    artifact: manifest.artifact.kind,
    items: manifest.catalogue.items,
    eventKinds: manifest.eventKinds,
    evaluation: { protocol, primary, models },
    activatedAt,
    ...(lastFailure && { lastFailure }),
  };
}
