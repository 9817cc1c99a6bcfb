import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import { secureHeaders } from 'hono/secure-headers';
import { createHandlers } from './handlers.ts';
import { type Operation, type OperationName, operations } from './operations.ts';
import { HttpProblem, internal, methodNotAllowed, notFound, tooManyRequests } from './problems.ts';
import type { Serving } from './release.ts';

/** What an app is made of. */
export interface AppOptions {
  readonly serving: Serving;
  /** Origins whose pages may call; `*` for all, empty for none but our own. */
  readonly corsOrigins: readonly string[];
  /** Seconds for which a cache may hold what depends on the release only. */
  readonly cacheSeconds: number;
  /** Whether this client may go on; absent where nothing limits. */
  readonly admit?: (client: string) => Promise<boolean>;
}

const retryAfterLimit = 10;

/** For answers that are data, never a page. Whether the domain has TLS only is its owner's to say, not ours. */
const headers = {
  strictTransportSecurity: false,
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
  const handlers = createHandlers(options.serving, options.cacheSeconds);
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
