import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { recommenders } from '../../../batch/models/index.ts';
import { defineRecommender, type Recommender } from '../../../batch/recommender.ts';
import { seededRandom } from '../../../batch/training/random.ts';
import { choice, logInteger, logUniform, uniform } from '../../../batch/tune/dimensions.ts';
import { planRungs } from '../../../batch/tune/halving.ts';
import { drawPoints } from '../../../batch/tune/points.ts';
import { ConfigError } from '../../../shared/errors.ts';

const tunable = recommenders.filter(({ search }) => search !== undefined);
const drawn = 300;

describe('the values of a dimension', () => {
  const values = (dimension: ReturnType<typeof uniform>): number[] => {
    const random = seededRandom(3);
    return Array.from({ length: 4_000 }, () => dimension.sample(random) as number);
  };
  const shareBelow = (all: number[], limit: number): number =>
    all.filter((x) => x < limit).length / all.length;

  it('are spread evenly, or evenly over the doublings, and end where they should', () => {
    const even = values(uniform(0.2, 0.7));
    expect([Math.min(...even) >= 0.2, Math.max(...even) <= 0.7]).toEqual([true, true]);
    expect(shareBelow(even, 0.45)).toBeCloseTo(0.5, 1);
    const log = values(logUniform(1e-4, 1e-2));
    expect([Math.min(...log) >= 1e-4, Math.max(...log) <= 1e-2]).toEqual([true, true]);
    expect(shareBelow(log, 1e-3)).toBeCloseTo(0.5, 1);
    const whole = values(logInteger(1, 8));
    expect([...new Set(whole)].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(shareBelow(whole, 3)).toBeCloseTo(0.5, 1);
  });

  it('have three digits, so that what is tried is what a config says', () => {
    for (const value of values(logUniform(1e-4, 1e-2))) expect(value).toBe(Number(value.toPrecision(3)));
  });
});

describe.each(tunable.map((recommender) => [recommender.name, recommender] as const))(
  'the points of %s',
  (_, recommender) => {
    const points = drawPoints(recommender, {}, drawn, 1);

    it('differ, and follow from the seed: fewer are the first of more', () => {
      expect(new Set(points.map((point) => JSON.stringify(point))).size).toBe(points.length);
      expect(drawPoints(recommender, {}, drawn, 1)).toEqual(points);
      expect(drawPoints(recommender, {}, 10, 1)).toEqual(points.slice(0, 10));
      expect(drawPoints(recommender, {}, 10, 2)).not.toEqual(points.slice(0, 10));
    });

    it('are within the schema, with every budget that they are given', () => {
      const { options, budget } = recommender.search!;
      for (const [name] of Object.entries(options)) {
        const of = new Set(points.map((point) => point[name]));
        expect(of.size, `different values of ${name}`).toBeGreaterThan(1);
      }
      const filled = v.parse(recommender.options, {}) as Record<string, number>;
      const rungs = planRungs(27, budget, budget && (filled[budget.option] ?? budget.most));
      for (const point of points.slice(0, 50)) {
        for (const rung of rungs) {
          const given = { ...point, ...(budget && { [budget.option]: rung.budget }) };
          expect(v.parse(recommender.options, given)).toMatchObject(given);
        }
      }
    });
  },
);

describe('a search space', () => {
  const modelWith = (search: Recommender['search']): Recommender =>
    defineRecommender({
      name: 'model',
      baseline: false,
      options: v.strictObject({ rate: v.optional(v.pipe(v.number(), v.maxValue(1))) }),
      ...(search && { search }),
      fit: () => Promise.reject(new Error('nothing is fitted here')),
    });

  it('may have fewer points than asked', () => {
    const small = modelWith({ options: { rate: choice(0.1, 0.2, 0.3) } });
    expect(
      drawPoints(small, {}, 27, 1)
        .map(({ rate }) => rate)
        .sort(),
    ).toEqual([0.1, 0.2, 0.3]);
  });

  it('cannot leave the schema', () => {
    expect(() => drawPoints(modelWith({ options: { rate: choice(2) } }), {}, 1, 1)).toThrow(
      /models\.model\.rate: .*expected.*1.*2/i,
    );
    expect(() => drawPoints(modelWith({ options: { rat: choice(1) } }), {}, 1, 1)).toThrow(ConfigError);
    expect(() => drawPoints(modelWith(undefined), {}, 1, 1)).toThrow('model declares no options to search');
  });
});
