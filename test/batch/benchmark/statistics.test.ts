import { describe, expect, it } from 'vitest';
import { goalSentence, judge } from '../../../batch/benchmark/protocol.ts';
import { maximumSeeds, overSeeds } from '../../../batch/benchmark/statistics.ts';
import { normal, seededRandom } from '../../../batch/training/random.ts';

describe('the interval over seeds', () => {
  it('is that of the textbook', () => {
    // 8 measurements of Gosset's kind: mean 4.5, standard deviation 2.449, t(7) = 2.365.
    const { value, lower, upper } = overSeeds([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(value).toBe(4.5);
    expect(upper).toBeCloseTo(4.5 + (2.365 * 2.4495) / Math.sqrt(8), 3);
    expect(lower).toBeCloseTo(9 - upper, 9);
  });

  it('says nothing of other seeds after one', () => {
    expect(overSeeds([0.3])).toEqual({ value: 0.3, lower: 0.3, upper: 0.3 });
  });

  it.each([2, 3, 5, maximumSeeds])('holds the mean of all in 95 of 100 cases, with %i seeds', (count) => {
    const random = normal(seededRandom(4));
    const draws = 4_000;
    let held = 0;
    for (let draw = 0; draw < draws; draw++) {
      const { lower, upper } = overSeeds(Array.from({ length: count }, () => 10 + random()));
      if (lower <= 10 && 10 <= upper) held++;
    }
    expect(held / draws).toBeGreaterThan(0.94);
    expect(held / draws).toBeLessThan(0.96);
  });
});

describe('a goal', () => {
  const means: Record<string, number> = { 'a ndcg@10': 0.22, 'ease ndcg@10': 0.2 };
  const meanOf = (model: string, metric: string): number | undefined => means[`${model} ${metric}`];

  it('is reached by the mean, absolutely or in proportion to a rival', () => {
    expect(judge({ model: 'a', metric: 'ndcg@10', sign: '≥', bound: 0.21 }, meanOf).reached).toBe(true);
    expect(judge({ model: 'a', metric: 'ndcg@10', sign: '≥', bound: 0.221 }, meanOf).reached).toBe(false);
    const close = judge({ model: 'a', metric: 'ndcg@10', sign: '≥', bound: 1.2, times: 'ease' }, meanOf);
    expect(close).toMatchObject({ reached: false, found: 0.22 });
    expect(goalSentence(close)).toBe('missed by 8.3 %: a ndcg@10 ≥ 1.2 × ease; found 0.2200, wanted 0.2400');
  });

  it('is not reached where a model took no part', () => {
    const unmeasured = judge(
      { model: 'a', metric: 'ndcg@10', sign: '≥', bound: 1, times: 'popularity' },
      meanOf,
    );
    expect(unmeasured.reached).toBe(false);
    expect(goalSentence(unmeasured)).toBe('not measured: a ndcg@10 ≥ 1 × popularity');
  });
});
