import type { Degradation, Source } from '../shared/api.ts';
import type { History } from '../shared/history.ts';
import { scoreByNeighbours } from '../shared/neighbours.ts';
import { type Ranked, topK } from '../shared/ranking.ts';
import type { Release } from './release.ts';

/** An item that may be answered, and why. */
export interface Candidate {
  readonly item: number;
  readonly score: number;
  readonly source: Source;
  readonly expectedValue?: number;
}

/** What the encoder made of a history, which releases without one make nothing of; or why popularity has to answer. */
export interface Encoded {
  readonly query?: Float32Array | undefined;
  readonly degradation?: Degradation;
}

/**
 * Candidates, best first: the model's best `count`, and as many popular ones as it takes to have `limit`; where the model
 * cannot, the `count` most popular. Whatever popularity had to do for the model is declared.
 */
export function candidatesFor(
  release: Release,
  history: History,
  encoded: Encoded,
  { count, limit }: { readonly count: number; readonly limit: number },
  excluded: ReadonlySet<number>,
): { readonly candidates: Candidate[]; readonly degraded: Degradation[] } {
  const { degradation } = encoded;
  const { catalogue } = release.placed();
  if (degradation !== undefined) {
    const all = popular(catalogue, count, excluded);
    return { candidates: listed(all, 'popularity'), degraded: [degradation] };
  }
  const found = retrieve(release, history, encoded.query, count, excluded);
  // A release without an artifact answers by popularity as its model.
  const candidates = listed(found, release.manifest.artifact.kind === 'none' ? 'popularity' : 'model');
  const missing = limit - candidates.length;
  if (missing <= 0) return { candidates, degraded: [] };
  const filler = popular(catalogue, missing, new Set([...excluded, ...found.indices]));
  const reason = `the model ranked ${candidates.length} of ${limit} items`;
  return {
    candidates: [...candidates, ...listed(filler, 'popularity')],
    degraded: filler.indices.length > 0 ? [{ stage: 'retrieve', fallback: 'popularity', reason }] : [],
  };
}

/** Ranked items, all for the same reason. */
export const listed = ({ indices, scores }: Ranked, source: Source): Candidate[] =>
  Array.from(indices, (item, i) => ({ item, score: scores[i]!, source }));

/**
 * The release's best `limit` items for a history that is not empty, without the `excluded`; fewer where the model has an
 * opinion on fewer. `query` is what {@link encode} made of the history. Allocates nothing per item of the catalogue.
 */
export function retrieve(
  { kernel, placed }: Release,
  history: History,
  query: Float32Array | undefined,
  limit: number,
  excluded: ReadonlySet<number>,
): Ranked {
  const { artifact, catalogue } = placed();
  switch (artifact.kind) {
    case 'embedding':
      if (query === undefined) throw new TypeError('retrieve: an embedding artifact is scanned with a query');
      return kernel.scan(artifact.items, artifact.scratch, query, limit, [...excluded]);
    case 'neighbours': {
      const scores = scoreByNeighbours(artifact.neighbours, history, artifact.scores);
      return topK(scores, limit, (item) => excluded.has(item));
    }
    case 'none':
      return popular(catalogue, limit, excluded);
    default:
      return artifact satisfies never;
  }
}

/** The `limit` most popular items without the `excluded`. */
export function popular(
  {
    popularItems,
    popularScores,
  }: { readonly popularItems: Uint32Array; readonly popularScores: Float32Array },
  limit: number,
  excluded: ReadonlySet<number>,
): Ranked {
  const indices = new Int32Array(limit);
  const scores = new Float32Array(limit);
  let found = 0;
  for (let i = 0; i < popularItems.length && found < limit; i++) {
    if (excluded.has(popularItems[i]!)) continue;
    indices[found] = popularItems[i]!;
    scores[found++] = popularScores[i]!;
  }
  return { indices: indices.subarray(0, found), scores: scores.subarray(0, found) };
}
