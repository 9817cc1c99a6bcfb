import { limits } from '../../shared/api.ts';
import { ReleaseError } from '../../shared/errors.ts';
import { type History, latest } from '../../shared/history.ts';
import { type Ranked, topK } from '../../shared/ranking.ts';
import type { GoldenRequests } from '../../shared/release.ts';
import type { ArtifactScorer } from './artifact-scorer.ts';
import { type OpenRanker, probabilitiesFor } from './ranker-questions.ts';

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
  /** On its table as it is published. */
  readonly ranker?: OpenRanker | undefined;
}

/**
 * Golden requests: for each, the first items that are retrieved for `{ history, excludeHistory: true }`, and how likely a
 * ranker finds them. The first is the empty history.
 * @throws ReleaseError when an event's weight is none of the event kinds'
 */
export async function goldenRequests(source: GoldenSource): Promise<GoldenRequests> {
  const requests: GoldenRequests['requests'] = [];
  for (const [number, history] of chooseHistories(source.histories).entries()) {
    const { indices, scores } = await bestOf(source, history, itemCount);
    const ranked = source.ranker && (await probabilitiesFor(source.ranker, number, history, indices));
    requests.push({
      history: Array.from(history.items, (_, event) => requestEvent(source, history, event)),
      ...(ranked && { context: ranked.context }),
      items: Array.from(indices, (item, rank) => ({
        itemId: source.itemIds[item]!,
        score: rounded(scores[rank]!),
        ...(ranked && { probability: rounded(ranked.probabilities[rank]!) }),
      })),
    });
  }
  return { tolerance: goldenTolerance, requests };
}

export const emptyHistory: History = {
  items: new Int32Array(0),
  times: new Float64Array(0),
  weights: new Float32Array(0),
};

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
  return [emptyHistory, ...chosen.map((history) => latest(history, limits.history))];
}

const rounded = (value: number): number => Number(value.toPrecision(7));

/** The `count` items that are retrieved for a history, without its own. */
export async function bestOf(
  { scorer, popularity }: Pick<GoldenSource, 'scorer' | 'popularity'>,
  history: History,
  count: number,
): Promise<Ranked> {
  const seen = new Set(history.items);
  const scores = history.items.length === 0 ? popularity : await scorer.score(history);
  return topK(scores, count, (item) => seen.has(item));
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
