import { describe, expect, it } from 'vitest';
import {
  alignTo,
  type Dataset,
  fingerprintOf,
  positiveEvents,
  selectEvents,
  withoutEmptyUsers,
} from '../../../batch/data/dataset.ts';
import { datasetOf } from '../../fixtures/dataset.ts';
import { eventsOf } from '../../fixtures/sources.ts';

const full: Dataset = {
  ...datasetOf([[{ item: 2, time: 1.5, weight: 0.2 }, 1], [], [1, 2, 2]], 3),
  attributes: [undefined, { title: 'Ünïcode', categories: ['a'] }, undefined],
  features: [[], ['x', 'y'], []],
  baskets: Int32Array.of(0, 1, 2, 2, 3),
};

describe('parts of a dataset', () => {
  it('keeps numbers, then drops empty users', () => {
    const part = selectEvents(full, (event) => full.items[event] === 2);
    expect([...part.offsets]).toEqual([0, 1, 1, 3]);
    expect([...part.baskets!]).toEqual([0, 2, 3].map((basket) => (basket === 2 ? 2 : basket)));
    expect(part.itemIds).toBe(full.itemIds);
    expect(part.features).toBe(full.features);
    const compact = withoutEmptyUsers(part);
    expect(compact.userIds).toEqual(['user-000000', 'user-000002']);
    expect([...compact.offsets]).toEqual([0, 1, 3]);
  });

  it('leaves out what weighs nothing, with its context', () => {
    const context = { names: ['c'], values: [['x', 'y']], columns: [Int32Array.of(1, 2, 0, 1)] };
    const opinions = {
      ...datasetOf(
        [
          [{ item: 1, weight: 0 }, 2],
          [1, { item: 2, weight: 0 }],
        ],
        3,
      ),
      context,
    };
    const wanted = positiveEvents(opinions);
    expect(eventsOf(wanted)).toEqual({ 'user-000000': ['item-000002'], 'user-000001': ['item-000001'] });
    expect([...wanted.context!.columns[0]!]).toEqual([2, 0]);
    expect(positiveEvents(full)).toBe(full);
  });

  it('aligns to another numbering; what is not there is left out', () => {
    const reference = { ...datasetOf([[1], [2]], 4), userIds: ['a', 'c'], itemIds: ['', 'p', 'q', 's'] };
    const other = { ...datasetOf([[2], [1, 2, 3, 2]], 4), userIds: ['b', 'c'], itemIds: ['', 'o', 'q', 's'] };
    const aligned = alignTo(reference, { ...other, features: [[], ['x'], [], []] });
    expect(aligned.userIds).toBe(reference.userIds);
    expect(aligned.features).toBeUndefined();
    expect(alignTo({ ...reference, features: [[], ['x'], [], []] }, other).features).toEqual([
      [],
      ['x'],
      [],
      [],
    ]);
    expect(eventsOf(aligned)).toEqual({ a: [], c: ['q', 's', 'q'] });
  });

  it('has a fingerprint that every column and the order decide', () => {
    const changes: Partial<Dataset>[] = [
      { userIds: ['a', 'b', 'c'] },
      { itemIds: ['', 'x', 'y'] },
      { attributes: [undefined, undefined, undefined] },
      { features: [[], ['x'], []] },
      { features: [[], [], ['x', 'y']] },
      { items: full.items.toReversed() },
      { times: full.times.map((time) => time + 1) },
      { weights: full.weights.map(() => 2) },
      { offsets: Uint32Array.of(0, 1, 2, 5) },
      { baskets: full.baskets!.map((basket) => basket + 1) },
    ];
    const prints = [full, ...changes.map((change) => ({ ...full, ...change }))].map(fingerprintOf);
    expect(new Set(prints).size).toBe(changes.length + 1);
    expect(fingerprintOf(structuredClone(full))).toBe(fingerprintOf(full));
  });
});
