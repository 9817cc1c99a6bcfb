import type { RecommendationRequest, RecommendedItem } from '../shared/api.ts';
import { ReleaseError } from '../shared/errors.ts';
import type { GoldenRequests } from '../shared/release.ts';
import { resolveRequest } from './history.ts';
import { order, rank } from './rank.ts';
import { recommend } from './recommend.ts';
import type { Release } from './release.ts';
import { stopwatch } from './timing.ts';

/**
 * Replays a release's golden requests and compares with the batch side's answers: what is retrieved, through the request path
 * itself, and how likely the ranker finds the very items that should be.
 * @throws ReleaseError naming the first request and rank where they part
 */
export async function replayGolden(release: Release, golden: GoldenRequests): Promise<void> {
  const { tolerance, requests } = golden;
  for (const [number, { history, context, items: expected }] of requests.entries()) {
    if (expected.length === 0) continue;
    const request = {
      history,
      limit: expected.length,
      exclude: [],
      excludeHistory: true,
      attributes: false,
      explain: false,
    };
    const name = `golden request ${number} (history of ${history.length})`;
    const { items } = await recommend({ ...release, ranker: undefined }, request, stopwatch());
    compare(expected, items, tolerance, name);
    if (release.ranker === undefined) continue;
    const likely = expected
      .map(({ itemId, probability = 0 }) => ({ itemId, score: probability }))
      .sort((a, b) => b.score - a.score);
    const ranked = await rankAll(release, { ...request, ...(context && { context }) }, expected);
    compare(likely, ranked, tolerance, `${name}, ranked`);
  }
}

/** The listed items in the ranker's order. */
async function rankAll(
  release: Release,
  request: RecommendationRequest,
  items: Expected,
): Promise<RecommendedItem[]> {
  const placed = release.placed();
  const { history, context } = resolveRequest(release.manifest, placed, request);
  const candidates = Int32Array.from(items, ({ itemId }) => placed.catalogue.find(itemId));
  const { probabilities } = await rank(release, { history, context, candidates });
  const listed = Array.from(candidates, (item) => ({ item, score: 0, source: 'model' }) as const);
  return order(listed, probabilities, new Map(), 'probability').map(({ item, ...ranked }) => ({
    itemId: release.placed().catalogue.itemId(item),
    ...ranked,
  }));
}

type Expected = GoldenRequests['requests'][number]['items'];

/**
 * Scores agree rank by rank. So where another item stands at a rank, it must be one whose own expected score is as good
 * as equal to that rank's; an item beyond the end of the expected list counts as its last.
 */
function compare(
  expected: Expected,
  found: readonly RecommendedItem[],
  tolerance: number,
  name: string,
): void {
  const largest = expected.reduce((most, { score }) => Math.max(most, Math.abs(score)), 0);
  const near = (a: number, b: number, times = 1): boolean => Math.abs(a - b) <= times * tolerance * largest;
  const scores = new Map(expected.map(({ itemId, score }) => [itemId, score]));
  const last = expected.at(-1)?.score ?? 0;
  for (const [rank, { itemId, score }] of expected.entries()) {
    const other = found[rank];
    const same =
      other !== undefined &&
      near(other.score, score) &&
      (other.itemId === itemId || near(scores.get(other.itemId) ?? last, score, 2));
    if (same) continue;
    throw new ReleaseError(
      `${name}: expected ${itemId} with score ${score} at rank ${rank + 1}, found ` +
        (other === undefined ? 'nothing' : `${other.itemId} with score ${other.score} by ${other.source}`),
    );
  }
}
