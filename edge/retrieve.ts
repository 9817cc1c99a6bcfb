import type { History } from '../shared/history.ts';
import { scoreByNeighbours } from '../shared/neighbours.ts';
import { type Ranked, topK } from '../shared/ranking.ts';
import type { Release } from './release.ts';

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
