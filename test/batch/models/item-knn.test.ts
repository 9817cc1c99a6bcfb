import { describe, expect, it } from 'vitest';
import { itemKnn } from '../../../batch/models/item-knn.ts';
import { datasetOf, quietRun } from '../../fixtures/dataset.ts';

/** Users of items: 1 {a, b, c, d}, 2 {a, b}, 3 {c}, 4 {a}. */
const dataset = datasetOf([[1, 2, 4, 2], [1, 2], [3, 1], [1]], 5);

async function neighboursOf(
  item: number,
  options: { neighbours: number; shrinkage: number },
  data = dataset,
) {
  using model = await itemKnn.fit(data, options, quietRun());
  const artifact = await model.export();
  if (artifact.kind !== 'neighbours') throw new Error(`found ${artifact.kind}`);
  const from = item * artifact.width;
  return Array.from(artifact.items.subarray(from, from + artifact.width), (other, place) => [
    other,
    artifact.weights[from + place]!,
  ]).filter(([other]) => other !== 0);
}

const close = (pairs: (number | undefined)[][], expected: [number, number][]): void => {
  expect(pairs.map(([item]) => item)).toEqual(expected.map(([item]) => item));
  for (const [place, [, weight]] of expected.entries()) expect(pairs[place]![1]).toBeCloseTo(weight, 6);
};

describe('item-knn', () => {
  it('weighs neighbours by cosine, equal ones by index, and never lists an item as its own', async () => {
    close(await neighboursOf(1, { neighbours: 4, shrinkage: 0 }), [
      [2, 2 / Math.sqrt(4 * 2)],
      [3, 1 / Math.sqrt(4)],
      [4, 1 / Math.sqrt(4)],
    ]);
    close(await neighboursOf(3, { neighbours: 4, shrinkage: 0 }), [[1, 0.5]]);
  });

  it('keeps as many as asked, and shrinks pairs that few share', async () => {
    close(await neighboursOf(1, { neighbours: 1, shrinkage: 2 }), [[2, 2 / (Math.sqrt(8) + 2)]]);
  });

  it("takes the weight of each user's weightiest event", async () => {
    const view = { item: 1, weight: 0.5 };
    const weighted = datasetOf(
      [
        [view, { item: 2, weight: 0.5 }, 2],
        [view, 3],
      ],
      4,
    );
    close(await neighboursOf(1, { neighbours: 2, shrinkage: 0 }, weighted), [
      [2, 0.5 / (Math.sqrt(0.5) * 1)],
      [3, 0.5 / (Math.sqrt(0.5) * 1)],
    ]);
  });

  it('lets validation choose, and is then what it would be with those options', async () => {
    const users = Array.from({ length: 8 }, (_, user) =>
      Array.from({ length: 30 }, (_, item) => item + 1).filter((item) => item % (user + 2) !== 0),
    );
    const wide = datasetOf(users, 31);
    let asked = 0;
    const validate = async () => (++asked === 2 ? 1 : 0);
    using chosen = await itemKnn.fit(wide, {}, quietRun({ validate }));
    expect(asked).toBe(8);
    expect(chosen.fittedOptions).toEqual({ neighbours: 10, shrinkage: 0 });
    using given = await itemKnn.fit(wide, { neighbours: 10, shrinkage: 0 }, quietRun({ validate }));
    expect(asked).toBe(8);
    expect(await chosen.export()).toEqual(await given.export());
  });
});
