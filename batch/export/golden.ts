import { limits } from '../../shared/api.ts';
import { ReleaseError } from '../../shared/errors.ts';
import { type History, latest } from '../../shared/history.ts';
import { type Ranked, topK } from '../../shared/ranking.ts';
import type { GoldenRequests } from '../../shared/release.ts';
import type { ArtifactScorer } from './artifact-scorer.ts';

/** Requests in a release, and items in each answer. */
const requestCount = 12;
const itemCount = 20;

/**
 * How far the edge's scores may lie from these, as a share of an answer's largest score. The edge's kernel takes the query
 * in int16, which moves a score by less than a tenth of this.
 */
export const goldenTolerance = 1e-3;

export interface GoldenSource {
  /** Real histories, whichever there are; a spread of their lengths is taken. */
  readonly histories: readonly History[];
  readonly itemIds: readonly string[];
  readonly eventKinds: Readonly<Record<string, number>>;
  readonly defaultEventKind: string;
  /** On the tables as they are published. */
  readonly scorer: ArtifactScorer;
  /** [items] what answers an empty history. */
  readonly popularity: Float32Array;
}

/**
 * Golden requests: for each, the first items of the answer to `{ history, excludeHistory: true }`. The first is the empty
 * history.
 * @throws ReleaseError when an event's weight is none of the event kinds'
 */
export async function goldenRequests(source: GoldenSource): Promise<GoldenRequests> {
  const requests: GoldenRequests['requests'] = [];
  for (const history of chooseHistories(source.histories)) {
    const { indices, scores } = await answer(source, history);
    requests.push({
      history: Array.from(history.items, (_, event) => requestEvent(source, history, event)),
      items: Array.from(indices, (item, rank) => ({
        itemId: source.itemIds[item]!,
        score: Number(scores[rank]!.toPrecision(7)),
      })),
    });
  }
  return { tolerance: goldenTolerance, requests };
}

/** The empty history, and others at even steps through the lengths, the shortest and the longest included. */
export function chooseHistories(histories: readonly History[]): History[] {
  const byLength = histories
    .filter(({ items }) => items.length > 0)
    .sort((a, b) => a.items.length - b.items.length);
  const count = Math.min(byLength.length, requestCount - 1);
  const last = byLength.length - 1;
  const chosen = Array.from(
    { length: count },
    (_, i) => byLength[count === 1 ? last : Math.round((i * last) / (count - 1))]!,
  );
  const empty = { items: new Int32Array(0), times: new Float64Array(0), weights: new Float32Array(0) };
  return [empty, ...chosen.map((history) => latest(history, limits.history))];
}

async function answer({ scorer, popularity }: GoldenSource, history: History): Promise<Ranked> {
  const seen = new Set(history.items);
  const scores = history.items.length === 0 ? popularity : await scorer.score(history);
  return topK(scores, itemCount, (item) => seen.has(item));
}

function requestEvent(
  { itemIds, eventKinds, defaultEventKind }: GoldenSource,
  { items, times, weights }: History,
  event: number,
): GoldenRequests['requests'][number]['history'][number] {
  const weight = weights[event]!;
  const hasWeight = (kind: string): boolean => Math.fround(eventKinds[kind] ?? Number.NaN) === weight;
  const kind = hasWeight(defaultEventKind) ? defaultEventKind : Object.keys(eventKinds).find(hasWeight);
  if (kind === undefined) {
    throw new ReleaseError(
      `golden requests: expected an event kind of weight ${weight}, found ${JSON.stringify(eventKinds)}`,
    );
  }
  return {
    itemId: itemIds[items[event]!]!,
    ...(kind !== defaultEventKind && { kind }),
    ...(times[event]! > 0 && { time: times[event]! }),
  };
}
