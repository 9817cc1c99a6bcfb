import { describe, expect, it } from 'vitest';
import { epochOrder, epochSize, exampleAt, findCuts, stream } from '../../../batch/training/examples.ts';
import { datasetOf } from '../../fixtures/dataset.ts';

const all = (dataset: Parameters<typeof findCuts>[0], targets: 'new' | 'any') => {
  const cuts = findCuts(dataset, targets);
  return Array.from(cuts.cuts, (_, at) => {
    const example = exampleAt(dataset, cuts, at, targets);
    return [Array.from(example.history.items), Array.from(example.targets)];
  });
};

describe('examples', () => {
  // User 0: baskets {1, 2}, {1}, {3, 1, 3}; user 1: one basket {4, 5}; user 2: {6}, {6}.
  const baskets = {
    ...datasetOf(
      [
        [1, 2, 1, 3, 1, 3],
        [4, 5],
        [6, 6],
      ],
      7,
    ),
    baskets: Int32Array.of(0, 0, 1, 2, 2, 2, 3, 3, 4, 5),
  };

  it('a basket is predicted from those before it, without what the history already has', () => {
    expect(all(baskets, 'new')).toEqual([[[1, 2, 1], [3]]]);
  });
  it('or with it, each item once', () => {
    expect(all(baskets, 'any')).toEqual([
      [[1, 2], [1]],
      [
        [1, 2, 1],
        [3, 1],
      ],
      [[6], [6]],
    ]);
  });
  it('without baskets, every event is one', () => {
    expect(all(datasetOf([[1, 2, 1, 3]], 4), 'new')).toEqual([
      [[1], [2]],
      [[1, 2, 1], [3]],
    ]);
  });
  it('a basket that ends at the last event of a user does not run into the next user', () => {
    const two = {
      ...datasetOf(
        [
          [1, 2],
          [3, 4],
        ],
        5,
      ),
      baskets: Int32Array.of(0, 1, 1, 2),
    };
    expect(all(two, 'new')).toEqual([
      [[1], [2]],
      [[3], [4]],
    ]);
  });
});

describe('an epoch', () => {
  const dataset = datasetOf([Array.from({ length: 31 }, (_, i) => i + 1), [1, 2, 3], [5]], 40);
  const cuts = findCuts(dataset, 'new');

  it('takes so many points of each user, all of those with fewer, each once', () => {
    const order = epochOrder(cuts, 10, stream(1, 'epoch', 0));
    expect(order.length).toBe(12);
    expect(epochSize(cuts, 10)).toBe(12);
    expect(new Set(order).size).toBe(12);
    expect(Array.from(order).filter((at) => cuts.users[at] === 1).length).toBe(2);
  });
  it('differs from the next, and is the same again for the same seed', () => {
    const first = epochOrder(cuts, 10, stream(1, 'epoch', 0));
    expect(epochOrder(cuts, 10, stream(1, 'epoch', 0))).toEqual(first);
    expect(epochOrder(cuts, 10, stream(1, 'epoch', 1))).not.toEqual(first);
    expect(epochOrder(cuts, 10, stream(2, 'epoch', 0))).not.toEqual(first);
  });
  it('shows every point alike over many epochs', () => {
    const counts = new Map<number, number>();
    for (let epoch = 0; epoch < 600; epoch++)
      for (const at of epochOrder(cuts, 10, stream(3, 'epoch', epoch)))
        counts.set(at, (counts.get(at) ?? 0) + 1);
    // 30 points, a third of them each time: 200 expected, standard deviation 11.5.
    for (let at = 0; at < 30; at++) expect(Math.abs(counts.get(at)! - 200)).toBeLessThan(60);
  });
});

describe('streams of chance', () => {
  it('are their own for each purpose and number', () => {
    const firsts = (['epoch', 'step'] as const).flatMap((purpose) =>
      Array.from({ length: 500 }, (_, number) => stream(9, purpose, number)()),
    );
    expect(new Set(firsts).size).toBe(1_000);
    const mean = firsts.reduce((sum, value) => sum + value, 0) / firsts.length;
    expect(mean).toBeGreaterThan(0.46);
    expect(mean).toBeLessThan(0.54);
  });
});
