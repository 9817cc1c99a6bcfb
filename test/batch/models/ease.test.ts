import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { EaseOptions, ease } from '../../../batch/models/ease.ts';
import { FitError } from '../../../shared/errors.ts';
import { datasetOf, type queriesOf, queryOf, quietRun } from '../../fixtures/dataset.ts';

const options = (given: unknown) => v.parse(EaseOptions, given);

describe('ease', () => {
  it('equals the closed form worked out by hand for three items', async () => {
    // XᵀX + I of {1, 2}, {1, 2}, {2, 3}: [3 2 0; 2 4 1; 0 1 2]; determinant 13.
    // Inverse · 13: [7 −4 2; −4 6 −3; 2 −3 8]; B_ij = −P_ij / P_jj.
    const dataset = datasetOf(
      [
        [1, 2],
        [2, 1],
        [2, 3],
      ],
      4,
    );
    using model = await ease.fit(dataset, options({ regularisation: 1 }), quietRun());
    const [one, two, both] = await model.score([queryOf(1), queryOf(2), queryOf(2, 1)]);
    const none = Number.NEGATIVE_INFINITY;
    expect(one![2]).toBeCloseTo(4 / 6, 6);
    expect(one![3]).toBeCloseTo(-2 / 8, 6);
    expect(one![1]).toBe(none);
    expect(two![1]).toBeCloseTo(4 / 7, 6);
    expect(two![3]).toBeCloseTo(3 / 8, 6);
    expect(both![3]).toBeCloseTo(1 / 8, 6);
  });

  it('keeps the strongest weights, of either sign, and scores with those alone', async () => {
    const dataset = datasetOf(
      [
        [1, 2],
        [2, 1],
        [2, 3],
      ],
      4,
    );
    using model = await ease.fit(dataset, options({ regularisation: 1, neighbours: 1 }), quietRun());
    const [scores] = await model.score([queryOf(1)]);
    expect(scores![2]).toBeCloseTo(4 / 6, 6);
    expect(scores![3]).toBe(Number.NEGATIVE_INFINITY);
  });

  it('numbers items without events out, and back in', async () => {
    const dense = datasetOf(
      [
        [1, 2],
        [2, 1],
        [2, 3],
      ],
      4,
    );
    const sparse = datasetOf(
      [
        [2, 5],
        [5, 2],
        [5, 7],
      ],
      9,
    );
    using small = await ease.fit(dense, options({ regularisation: 1 }), quietRun());
    using large = await ease.fit(sparse, options({ regularisation: 1 }), quietRun());
    const [expected] = await small.score([queryOf(1, 3)]);
    const [found] = await large.score([queryOf(2, 7)]);
    expect([found![2], found![5], found![7]]).toEqual([...expected!.subarray(1)]);
    expect(found![4]).toBe(Number.NEGATIVE_INFINITY);
  });

  it('refuses a catalogue that is too large, with the memory it would take', async () => {
    const dataset = datasetOf([Array.from({ length: 40 }, (_, item) => item + 1)], 41);
    const refused = ease.fit(dataset, options({ maximumItems: 39 }), quietRun());
    await expect(refused).rejects.toThrow(FitError);
    await expect(refused).rejects.toThrow(
      /expected at most 39 items \(option maximumItems\), found 40: .* 1 MiB/,
    );
  });

  it('lets validation choose λ', async () => {
    const dataset = datasetOf(
      [
        [1, 2],
        [2, 1],
        [2, 3],
      ],
      4,
    );
    const seen: number[] = [];
    const validate = async (score: (queries: ReturnType<typeof queriesOf>) => Promise<Float32Array[]>) => {
      const [scores] = await score([queryOf(1)]);
      seen.push(scores![2]!);
      return -Math.abs(scores![2]! - 2 / 104);
    };
    using model = await ease.fit(dataset, options({}), quietRun({ validate }));
    expect(seen.length).toBe(3);
    expect(model.fittedOptions).toEqual({ regularisation: 100, neighbours: 200, maximumItems: 12_500 });
    expect((await model.score([queryOf(1)]))[0]![2]).toBe(seen[1]);
  });
});
