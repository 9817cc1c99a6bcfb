import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { topK } from '../../shared/ranking.ts';

/** The rule itself, by sorting everything. */
const sorted = (scores: Float32Array, k: number, excluded = (_: number) => false): number[] =>
  Array.from(scores.keys())
    .filter((index) => index > 0 && Number.isFinite(scores[index]) && !excluded(index))
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .slice(0, k);

/** Few different values, so that ties abound, and everything that a float can be. */
const score = fc.oneof(
  fc.integer({ min: -2, max: 2 }),
  fc.float(),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0),
);
const scoresOf = fc.array(score, { maxLength: 200 }).map((values) => Float32Array.from(values));

describe('topK', () => {
  it('is the first k of a full sort', () => {
    fc.assert(
      fc.property(scoresOf, fc.nat(220), fc.func(fc.boolean()), (scores, k, excluded) => {
        const { indices, scores: found } = topK(scores, k, excluded);
        expect([...indices]).toEqual(sorted(scores, k, excluded));
        expect([...found]).toEqual(Array.from(indices, (index) => scores[index]));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is a prefix of every longer answer', () => {
    fc.assert(
      fc.property(scoresOf, fc.nat(50), fc.nat(50), (scores, a, b) => {
        const [short, long] = [Math.min(a, b), Math.max(a, b)];
        expect(topK(scores, short).indices).toEqual(topK(scores, long).indices.slice(0, short));
      }),
    );
  });

  it('breaks ties by the smaller index, and never ranks padding', () => {
    const { indices } = topK(Float32Array.of(9, 1, 2, 2, 1, 2), 4);
    expect([...indices]).toEqual([2, 3, 5, 1]);
  });

  it('yields what there is when k exceeds it, and nothing of nothing', () => {
    expect([...topK(Float32Array.of(0, Number.NaN, 5), 10).indices]).toEqual([2]);
    expect(topK(new Float32Array(0), 3).indices).toHaveLength(0);
    expect(topK(Float32Array.of(0, 1, 2), 0).indices).toHaveLength(0);
  });

  it('asks about exclusion only where an index would enter', () => {
    const scores = Float32Array.from({ length: 1_000 }, (_, index) => 1_000 - index);
    const asked: number[] = [];
    topK(scores, 10, (index) => asked.push(index) < 0);
    expect(asked).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
});
