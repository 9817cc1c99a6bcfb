import { expect, it } from 'vitest';
import { createSearch } from '../../edge/search.ts';
import { placedRelease } from '../fixtures/placed.ts';
import { fixtureRelease } from '../fixtures/release.ts';

const titles = [
  '',
  'Red Mug',
  'red lantern',
  'Grüne Tasse',
  'mug tree, red',
  undefined,
  'line\nbreak mug',
  'mug',
];

const search = async () => {
  const release = await placedRelease(
    await fixtureRelease({
      items: 7,
      kind: 'none',
      histories: 1,
      attributes: (row) => (titles[row] ? { title: titles[row] } : undefined),
    }),
  );
  const { catalogue } = release.placed();
  const find = createSearch();
  return (query: string, limit = 10) =>
    find(catalogue, query, limit).map(({ itemId }) => Number(itemId.slice(5)));
};

it('finds every word in any order and case, in titles and ids', async () => {
  const find = await search();
  expect(find('RED mug').sort()).toEqual([1, 4]);
  expect(find('GRÜNE')).toEqual([3]);
  expect(find('item-0000005')[0]).toBe(5);
  expect(find('break mug')).toEqual([6]);
  expect(find('mug mug RED red mug').sort()).toEqual([1, 4]);
  expect(find('nothing such')).toEqual([]);
  expect(find('item-000').sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

it('stops at the limit and puts the exact id first', async () => {
  const find = await search();
  expect(find('mug', 2)).toHaveLength(2);
  expect(find('item-0000006', 1)).toEqual([6]);
  expect(find('  item-0000006 ', 3)).toEqual([6]);
});

it('orders by popularity', async () => {
  const release = await fixtureRelease({
    items: 7,
    kind: 'none',
    histories: 1,
    attributes: () => ({ title: 'same' }),
  });
  const { catalogue } = (await placedRelease(release)).placed();
  const byPopularity = Array.from(catalogue.popularItems);
  const found = createSearch()(catalogue, 'same', 10).map(({ itemId }) => catalogue.find(itemId));
  expect(found).toEqual(byPopularity);
});
