import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { graphFilter } from '../../../batch/models/graph-filter.ts';
import { datasetOf, queryOf, quietRun } from '../../fixtures/dataset.ts';

const filterOf = (users: Parameters<typeof datasetOf>[0], items: number, options: object, run = quietRun()) =>
  graphFilter.fit(datasetOf(users, items), v.parse(graphFilter.options, options), run);

describe('graph-filter', () => {
  it('weighs an item by D_i^−h · Xᵀ · D_u^−u · X · D_i^−c', async () => {
    const users = [[1, 2], [1, 2, 3], [2, 3], [1]];
    using model = await filterOf(users, 4, { userPower: 1, historyPower: 0.5, candidatePower: 0.25 });
    const [scores] = await model.score([queryOf(1)]);
    // Users of both, each by 1 / their number of items; item 1 has three users, as item 2; item 3 has two.
    expect(scores![2]).toBeCloseTo((1 / 2 + 1 / 3) / 3 ** 0.5 / 3 ** 0.25, 6);
    expect(scores![3]).toBeCloseTo(1 / 3 / 3 ** 0.5 / 2 ** 0.25, 6);
    const [both] = await model.score([queryOf(1, 2)]);
    expect(both![3]).toBeCloseTo((1 / 3 + 1 / 3 + 1 / 2) / 3 ** 0.5 / 2 ** 0.25, 6);
  });

  it('keeps the strongest neighbours, and what validation prefers', async () => {
    const users = [
      [1, 2, 3],
      [1, 2],
      [3, 4],
      [3, 4],
      [3, 1],
    ];
    using narrow = await filterOf(users, 5, { candidatePower: 0, neighbours: 1 });
    const artifact = await narrow.export();
    if (artifact.kind !== 'neighbours') throw new Error('expected neighbours');
    expect([artifact.width, ...artifact.items]).toEqual([1, 0, 2, 1, 4, 3]);
    const run = quietRun({
      // Item 4 has fewer users than item 1.
      validate: async (score) => {
        const [scores] = await score([queryOf(3)]);
        return scores![4]! / scores![1]!;
      },
    });
    using chosen = await filterOf(users, 5, {}, run);
    expect(chosen.fittedOptions).toMatchObject({ candidatePower: 0.5 });
  });
});
