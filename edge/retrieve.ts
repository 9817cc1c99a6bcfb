import type { Degradation, Source } from '../shared/api.ts';
import type { Catalogue } from '../shared/catalogue.ts';
import type { History } from '../shared/history.ts';
import { scoreByNeighbours } from '../shared/neighbours.ts';
import { type Ranked, topK } from '../shared/ranking.ts';
import { type Exclusion, excludes } from './filter.ts';
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
  exclusion: Exclusion,
): { readonly candidates: Candidate[]; readonly degraded: Degradation[] } {
  const { degradation } = encoded;
  const { catalogue } = release.placed();
  if (degradation !== undefined) {
    const all = popular(catalogue, count, exclusion);
    return { candidates: listed(all, 'popularity'), degraded: [degradation] };
  }
  const found = retrieve(release, history, encoded.query, count, exclusion);
  // A release without an artifact answers by popularity as its model.
  const candidates = listed(found, release.manifest.artifact.kind === 'none' ? 'popularity' : 'model');
  const missing = limit - candidates.length;
  if (missing <= 0) return { candidates, degraded: [] };
  const filler = popular(catalogue, missing, {
    ...exclusion,
    items: new Set([...exclusion.items, ...found.indices]),
  });
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
 * The release's best `limit` items for a history that is not empty, that may be answered; fewer where the model has an
 * opinion on fewer. `query` is what {@link encode} made of the history. Allocates nothing per item of the catalogue.
 */
export function retrieve(
  { kernel, placed }: Release,
  history: History,
  query: Float32Array | undefined,
  limit: number,
  exclusion: Exclusion,
): Ranked {
  const { artifact, catalogue } = placed();
  switch (artifact.kind) {
    case 'embedding':
      if (query === undefined) throw new TypeError('retrieve: an embedding artifact is scanned with a query');
      return kernel.scan(
        artifact.items,
        exclusion.rows ? { ...artifact.scratch, excluded: exclusion.rows.address } : artifact.scratch,
        query,
        limit,
        [...exclusion.items],
      );
    case 'neighbours': {
      const scores = scoreByNeighbours(artifact.neighbours, history, artifact.scores);
      return topK(scores, limit, (item) => excludes(exclusion, item));
    }
    case 'none':
      return popular(catalogue, limit, exclusion);
    default:
      return artifact satisfies never;
  }
}

/**
 * The `limit` most popular items that may be answered. Past the catalogue's list of popular items come the others, in the
 * order of the catalogue, with score 0: nothing but a filter goes that far.
 */
export function popular(
  { rows, popularItems, popularScores }: Pick<Catalogue, 'rows' | 'popularItems' | 'popularScores'>,
  limit: number,
  exclusion: Exclusion,
): Ranked {
  const indices = new Int32Array(limit);
  const scores = new Float32Array(limit);
  let found = 0;
  for (let i = 0; i < popularItems.length && found < limit; i++) {
    if (excludes(exclusion, popularItems[i]!)) continue;
    indices[found] = popularItems[i]!;
    scores[found++] = popularScores[i]!;
  }
  if (found < limit && popularItems.length < rows - 1) {
    const listedItems = new Set(popularItems);
    for (let item = 1; item < rows && found < limit; item++)
      if (!listedItems.has(item) && !excludes(exclusion, item)) indices[found++] = item;
  }
  return { indices: indices.subarray(0, found), scores: scores.subarray(0, found) };
}
