import { maxItemIdBytes } from '../../shared/catalogue.ts';
import type { Dataset } from './dataset.ts';

/** A dataset with more items, none of which has events; all are numbered anew, in the byte order of their ids. */
export function addItems(dataset: Dataset, itemIds: Iterable<string>): Dataset {
  const known = new Set(dataset.itemIds);
  const bytesOf = (itemId: string) => ({ itemId, bytes: Buffer.from(itemId) });
  const added = Array.from(itemIds, bytesOf).filter(
    ({ itemId, bytes }) => !known.has(itemId) && bytes.length <= maxItemIdBytes,
  );
  if (added.length === 0) return dataset;
  const sorted = [...dataset.itemIds.map(bytesOf), ...added].sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  const numbers = new Map(sorted.map(({ itemId }, number) => [itemId, number]));
  const renumbered = dataset.itemIds.map((itemId) => numbers.get(itemId)!);
  return {
    ...dataset,
    itemIds: sorted.map(({ itemId }) => itemId),
    attributes: sorted.map(() => undefined),
    items: dataset.items.map((item) => renumbered[item]!),
  };
}
