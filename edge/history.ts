import type { RecommendationRequest } from '../shared/api.ts';
import type { Catalogue } from '../shared/catalogue.ts';
import { type History, latest } from '../shared/history.ts';
import type { Manifest } from '../shared/release.ts';
import { invalid } from './problems.ts';

/** A request in the release's own numbers. */
export interface ResolvedRequest {
  /** Known items only, the newest as many as the release reads. */
  readonly history: History;
  readonly excluded: ReadonlySet<number>;
  /** Each once. */
  readonly unknownItemIds: readonly string[];
}

/**
 * Looks a request's items and event kinds up.
 * @throws HttpProblem 422 for an event kind that the release does not have
 */
export function resolveRequest(
  manifest: Manifest,
  catalogue: Catalogue,
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
  return { history: latest(history, manifest.maxHistory), excluded, unknownItemIds: [...unknown] };
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
