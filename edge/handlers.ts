import type { Context } from 'hono';
import { type Degradation, limits, RecommendationRequest } from '../shared/api.ts';
import { readJson } from './body.ts';
import { describeApi } from './openapi.ts';
import { ListQuery, type Operation, type OperationName, operations, SearchQuery } from './operations.ts';
import { unknownItem } from './problems.ts';
import { recommend, transientReasons } from './recommend.ts';
import type { Release, Serving, ServingState } from './release.ts';
import { popularItems } from './respond.ts';
import { createSearch, type Search } from './search.ts';
import { type Stopwatch, stopwatch } from './timing.ts';
import { validate, validateQuery } from './validate.ts';

/** Answers one operation; what it throws becomes a problem in app.ts. */
export type Handler = (c: Context) => Response | Promise<Response>;

/** What each operation answers. `cacheSeconds`: how long a cache may hold what depends on the release alone. */
export function createHandlers(serving: Serving, cacheSeconds: number): Record<OperationName, Handler> {
  const answer = answerer(serving, cacheSeconds);
  let search: { readonly releaseId: string; readonly find: Search } | undefined;
  let description: Record<string, unknown> | undefined;

  return {
    recommend: async (c) => {
      const request = validate(RecommendationRequest, withoutOldEvents(await readJson(c.req.raw)));
      const locale = request.locale ?? c.req.header('accept-language');
      return answer(c, operations.recommend, (release, stages) =>
        recommend(release, { ...request, ...(locale !== undefined && { locale }) }, stages),
      );
    },
    popular: (c) => {
      const query = validateQuery(ListQuery, c.req.queries());
      return answer(c, operations.popular, (release, stages) =>
        stages.time('retrieve', () => popularItems(release, query)),
      );
    },
    similar: (c) => {
      const itemId = itemIdOf(c);
      const query = validateQuery(ListQuery, c.req.queries());
      return answer(c, operations.similar, (release, stages) => {
        findItem(release, itemId);
        const request = {
          history: [{ itemId }],
          exclude: [],
          excludeHistory: true,
          explain: false,
          ...query,
        };
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

type Make = (release: Release, stages: Stopwatch, state: ServingState) => Promise<object> | object;

/** Answers from the release now serving; `make` awaits nothing but the release's own computation. */
const answerer =
  (serving: Serving, cacheSeconds: number) =>
  async (c: Context, operation: Operation, make: Make): Promise<Response> => {
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

/** Of a longer history the last events count. The others are not even looked at: neither right nor wrong, and no cost. */
function withoutOldEvents(body: unknown): unknown {
  const history = (body as { readonly history?: unknown } | null)?.history;
  if (!Array.isArray(history) || history.length <= limits.history) return body;
  return { ...(body as object), history: history.slice(-limits.history) };
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
  (body.degraded as readonly Degradation[]).some(({ reason }) => transientReasons.has(reason));

/** Raise it when the same release is answered differently than before: caches hold answers by release and this. */
const representation = 1;

/** An answer that a cache may hold and ask for again by its ETag. Weak, since it may be compressed on the way. */
function cacheable(c: Context, body: object, releaseId: string, seconds: number): Response {
  const tag = `"${releaseId}.${representation}"`;
  const headers = { etag: `W/${tag}`, 'cache-control': `public, max-age=${seconds}` };
  const asked = (c.req.header('if-none-match') ?? '').split(',').map((text) => text.trim());
  if (asked.some((text) => text === '*' || text.replace(/^W\//, '') === tag))
    return c.body(null, 304, headers);
  return c.json(body, 200, headers);
}

function describeRelease(
  { releaseId, manifest }: Release,
  { activatedAt, lastFailure }: ServingState,
): object {
  const { protocol, primary, models } = manifest.evaluation;
  const { ranker } = manifest;
  return {
    releaseId,
    name: manifest.name,
    model: manifest.model.name,
    artifact: manifest.artifact.kind,
    ...(ranker && {
      ranker: {
        model: ranker.model.name,
        candidates: ranker.candidates,
        context: ranker.context,
        evaluation: ranker.evaluation,
      },
    }),
    items: manifest.catalogue.items,
    eventKinds: manifest.eventKinds,
    attributes: Object.fromEntries((manifest.columns?.entries ?? []).map(({ name, type }) => [name, type])),
    evaluation: { protocol, primary, models },
    activatedAt,
    ...(lastFailure && { lastFailure }),
  };
}
