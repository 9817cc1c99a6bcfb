import { setImmediate } from 'node:timers/promises';
import { topK } from '../../shared/ranking.ts';
import type { Model, Query } from '../recommender.ts';
import type { EvaluationSet } from './protocol.ts';

/** The first k of every query's ranking. */
export interface Rankings {
  readonly k: number;
  /** [queries · k] item indices, best first; 0 fills up where fewer could be ranked. */
  readonly items: Int32Array;
  /** Catalogue rows that the model scores, the padding row included. */
  readonly rows: number;
}

/** Scores that one chunk of queries may hold: 64 MB of float32. */
const chunkScores = 1 << 24;
const largestChunk = 512;

/** The ranked items of one query: a view, as long as the ranking is. */
export function rankingOf(rankings: Rankings, query: number): Int32Array {
  const row = rankings.items.subarray(query * rankings.k, (query + 1) * rankings.k);
  const end = row.indexOf(0);
  return end < 0 ? row : row.subarray(0, end);
}

/**
 * Ranks the set's candidates, or the whole catalogue, for every query, a chunk at a time: besides the result, memory
 * holds one chunk of scores.
 * @throws the signal's reason, between chunks, when it is aborted
 */
export async function rank(
  score: Model['score'],
  set: Pick<EvaluationSet, 'queries' | 'excludeHistory' | 'candidates'>,
  k: number,
  control: { readonly signal?: AbortSignal | undefined; progress?(fraction: number): void } = {},
): Promise<Rankings> {
  const items = new Int32Array(set.queries.length * k);
  // The first chunk is one query, which tells how many rows there are.
  let size = 1;
  let rows = 0;
  let excluded = new Uint8Array(0);
  let outside = excluded;
  for (let from = 0; from < set.queries.length; ) {
    await setImmediate(); // lets an interrupt be heard
    control.signal?.throwIfAborted();
    const chunk = set.queries.slice(from, from + size);
    for (const [i, scores] of (await score(chunk)).entries()) {
      if (scores.length !== rows) {
        rows = scores.length;
        excluded = new Uint8Array(rows);
        outside = new Uint8Array(rows);
        if (set.candidates !== undefined) mark(outside.fill(1), set.candidates, 0);
      }
      const { history } = chunk[i]!;
      if (set.excludeHistory) mark(excluded, history.items, 1);
      items.set(
        topK(scores, k, (index) => (excluded[index]! | outside[index]!) === 1).indices,
        (from + i) * k,
      );
      if (set.excludeHistory) mark(excluded, history.items, 0);
    }
    from += chunk.length;
    size = Math.max(1, Math.min(largestChunk, Math.floor(chunkScores / rows)));
    control.progress?.(from / set.queries.length);
  }
  return { k, items, rows };
}

function mark(excluded: Uint8Array, items: Query['history']['items'], value: 0 | 1): void {
  for (let i = 0; i < items.length; i++) excluded[items[i]!] = value;
}
