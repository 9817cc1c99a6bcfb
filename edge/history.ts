import type { RecommendationRequest } from '../shared/api.ts';
import { contextNumbers } from '../shared/features.ts';
import type { Predicate } from '../shared/filter.ts';
import type { History } from '../shared/history.ts';
import type { Manifest } from '../shared/release.ts';
import { predicateOf } from './filter.ts';
import type { Placed } from './placement.ts';
import { invalid } from './problems.ts';

/** A request in the release's own numbers. */
export interface ResolvedRequest {
  /** Known items only. */
  readonly history: History;
  readonly excluded: ReadonlySet<number>;
  readonly filter: Predicate | undefined;
  /** The number of each of the ranker's context features. */
  readonly context: Int32Array;
  /** The highest bid on each item that has one and may be answered. */
  readonly bids: ReadonlyMap<number, number>;
  /** Each once. */
  readonly unknownItemIds: readonly string[];
}

/**
 * Looks a request's items, event kinds and context features up.
 * @throws HttpProblem 400 for a filter that means nothing for the release; 422 for an event kind that the release does not have, or a context feature that its ranker does not
 */
export function resolveRequest(
  manifest: Manifest,
  { catalogue, columns }: Pick<Placed, 'catalogue' | 'columns'>,
  request: RecommendationRequest,
): ResolvedRequest {
  const unknown = new Set<string>();
  const find = (itemId: string): number => {
    const item = catalogue.find(itemId);
    if (item === 0) unknown.add(itemId);
    return item;
  };
  const events = request.history;
  const items = new Int32Array(events.length);
  const times = new Float64Array(events.length);
  const weights = new Float32Array(events.length);
  let known = 0;
  for (const [i, event] of events.entries()) {
    const weight = weightOf(manifest, event.kind, i);
    const item = find(event.itemId);
    if (item === 0) continue;
    items[known] = item;
    times[known] = event.time ?? 0;
    weights[known++] = weight;
  }
  const seen = request.excludeHistory ? items.subarray(0, known) : [];
  const excluded = new Set([...seen, ...request.exclude.map(find)]);
  const history = {
    items: items.subarray(0, known),
    times: times.subarray(0, known),
    weights: weights.subarray(0, known),
  };
  const bids = new Map<number, number>();
  for (const { itemId, bid } of request.bids ?? []) {
    const item = find(itemId);
    if (item !== 0 && !excluded.has(item)) bids.set(item, Math.max(bid, bids.get(item) ?? 0));
  }
  const context = contextOf(manifest, request.context ?? {});
  const filter = predicateOf(request.filter, columns);
  return { history, excluded, filter, context, bids, unknownItemIds: [...unknown] };
}

/** A release without a ranker has no use for a context: that it did not rank is declared, and no request's fault. */
function contextOf({ ranker }: Manifest, context: Readonly<Record<string, string>>): Int32Array {
  if (ranker === undefined) return new Int32Array(0);
  const names = ranker.context.map(({ name }) => name);
  const unknown = Object.keys(context).filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    const expected = names.length === 0 ? 'no context features' : `one of ${names.join(', ')}`;
    throw invalid(
      unknown.map((name) => ({ path: `context.${name}`, message: `expected ${expected}, found another` })),
    );
  }
  return contextNumbers(ranker.context, context);
}

function weightOf({ eventKinds, defaultEventKind }: Manifest, kind = defaultEventKind, at: number): number {
  if (Object.hasOwn(eventKinds, kind)) return eventKinds[kind]!;
  throw invalid([
    {
      path: `history.${at}.kind`,
      message: `expected one of ${Object.keys(eventKinds).join(', ')}, found ${JSON.stringify(kind)}`,
    },
  ]);
}
