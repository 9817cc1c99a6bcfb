import type { History } from '../../shared/history.ts';
import { topK } from '../../shared/ranking.ts';
import type { ArtifactScorer } from './artifact-scorer.ts';

/**
 * What quantisation costs: the share of the float tables' best k items that the quantised ones keep among theirs, over
 * every history's whole pipeline (gather, encode, scan). Histories must not be empty. 1 without histories.
 */
export async function recallOf(
  quantised: Pick<ArtifactScorer, 'score'>,
  float: Pick<ArtifactScorer, 'score'>,
  histories: readonly History[],
  k = 100,
): Promise<number> {
  let kept = 0;
  let wanted = 0;
  for (const history of histories) {
    const expected = topK(await float.score(history), k).indices;
    const found = new Set(topK(await quantised.score(history), k).indices);
    wanted += expected.length;
    kept += expected.reduce((count, item) => count + Number(found.has(item)), 0);
  }
  return wanted === 0 ? 1 : kept / wanted;
}
