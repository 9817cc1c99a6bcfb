import { describe, expect, it } from 'vitest';
import type { ArtifactScorer } from '../../../batch/export/artifact-scorer.ts';
import { recallOf } from '../../../batch/export/recall.ts';
import type { History } from '../../../shared/history.ts';
import { queryOf } from '../../fixtures/dataset.ts';

const scorer = (score: (history: History) => readonly number[]): Pick<ArtifactScorer, 'score'> => ({
  score: async (history) => Float32Array.from(score(history)),
});
const histories = [queryOf(1).history, queryOf(1, 2).history];

describe('recallOf', () => {
  const float = scorer(() => [0, 5, 4, 3, 2, 1]);
  it('is the share of the best k that is kept, in whatever order, over all histories', async () => {
    expect(
      await recallOf(
        scorer(() => [0, 4, 5, 3, 2, 1]),
        float,
        histories,
        2,
      ),
    ).toBe(1);
    expect(
      await recallOf(
        scorer(() => [0, 1, 2, 3, 4, 5]),
        float,
        histories,
        2,
      ),
    ).toBe(0);
    const once = scorer(({ items }) => (items.length === 1 ? [0, 5, 0, 3, 2, 1] : [0, 5, 4, 3, 2, 1]));
    expect(await recallOf(once, float, histories, 2)).toBe(0.75);
  });
  it('counts only items that the float tables rank', async () => {
    const sparse = scorer(() => [0, 5, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, 1, Number.NaN]);
    expect(await recallOf(float, sparse, histories, 4)).toBe(1);
    expect(
      await recallOf(
        scorer(() => [0, 1, 5, 4, 3, 2]),
        sparse,
        histories,
        2,
      ),
    ).toBe(0);
  });
  it('is 1 where nothing was asked', async () => {
    expect(await recallOf(float, float, [])).toBe(1);
  });
});
