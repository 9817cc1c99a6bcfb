import * as v from 'valibot';
import { ItemAttributes } from '../../shared/catalogue.ts';
import { DataError } from '../../shared/errors.ts';
import { layOut } from '../../shared/release.ts';
import type { Dataset } from './dataset.ts';

/**
 * A dataset in one buffer, little-endian. A header of 64 bytes (uint32: magic, users, items, events, 1 where there
 * are baskets, bytes of text), then the columns, then ids and attributes as JSON. Sections lie on 64-byte boundaries.
 */
const magic = 0x31534450; // "PDS1"
const headerBytes = 64;

const Text = v.strictObject({
  userIds: v.array(v.string()),
  itemIds: v.array(v.string()),
  attributes: v.array(v.nullable(ItemAttributes)),
});

const layoutOf = (users: number, events: number, hasBaskets: boolean, textBytes: number) =>
  layOut({
    header: headerBytes,
    times: events * 8,
    offsets: (users + 1) * 4,
    items: events * 4,
    weights: events * 4,
    baskets: hasBaskets ? events * 4 : 0,
    text: textBytes,
  });

export function encodeDataset(dataset: Dataset): Uint8Array<ArrayBuffer> {
  const { userIds, itemIds, attributes, offsets, items, times, weights, baskets } = dataset;
  const text = new TextEncoder().encode(
    JSON.stringify({ userIds, itemIds, attributes: attributes.map((known) => known ?? null) }),
  );
  const layout = layoutOf(userIds.length, items.length, baskets !== undefined, text.length);
  const file = new Uint8Array(layout.byteLength);
  new Uint32Array(file.buffer, 0, 6).set([
    magic,
    userIds.length,
    itemIds.length,
    items.length,
    baskets === undefined ? 0 : 1,
    text.length,
  ]);
  const columns = { times, offsets, items, weights, text, ...(baskets === undefined ? {} : { baskets }) };
  for (const [name, column] of Object.entries(columns) as [keyof typeof columns, typeof items][]) {
    file.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), layout[name].offset);
  }
  return file;
}

/**
 * Reads what {@link encodeDataset} wrote; the columns are views into `bytes`.
 * @throws DataError when the bytes are not a whole, consistent dataset
 */
export function decodeDataset(bytes: Uint8Array): Dataset {
  const file = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  if (file.length < headerBytes) {
    throw new DataError(`stored dataset: expected a header of ${headerBytes} bytes, found ${file.length}`);
  }
  const header = new Uint32Array(file.buffer, file.byteOffset, 6);
  const [found, users, items, events, baskets, textBytes] = header as unknown as readonly [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (found !== magic) throw new DataError(`stored dataset: expected magic ${magic}, found ${found}`);
  const layout = layoutOf(users, events, baskets === 1, textBytes);
  if (layout.byteLength !== file.length) {
    throw new DataError(`stored dataset: expected ${layout.byteLength} bytes, found ${file.length}`);
  }
  const { byteLength: _, ...sections } = layout;
  const at = (name: keyof typeof sections): number => file.byteOffset + sections[name].offset;
  const dataset: Dataset = {
    ...textOf(file.subarray(layout.text.offset, layout.text.offset + textBytes)),
    offsets: new Uint32Array(file.buffer, at('offsets'), users + 1),
    items: new Int32Array(file.buffer, at('items'), events),
    times: new Float64Array(file.buffer, at('times'), events),
    weights: new Float32Array(file.buffer, at('weights'), events),
    ...(baskets === 1 ? { baskets: new Int32Array(file.buffer, at('baskets'), events) } : {}),
  };
  assertConsistent(dataset, users, items);
  return dataset;
}

function textOf(bytes: Uint8Array): Pick<Dataset, 'userIds' | 'itemIds' | 'attributes'> {
  try {
    const { userIds, itemIds, attributes } = v.parse(Text, JSON.parse(new TextDecoder().decode(bytes)));
    return { userIds, itemIds, attributes: attributes.map((known) => known ?? undefined) };
  } catch (cause) {
    throw new DataError('stored dataset: its ids and attributes cannot be read', { cause });
  }
}

/** @throws DataError unless columns, ids and counts fit together */
function assertConsistent(dataset: Dataset, users: number, items: number): void {
  const { userIds, itemIds, attributes, offsets } = dataset;
  const expect = (holds: boolean, what: string): void => {
    if (!holds) throw new DataError(`stored dataset: expected ${what}`);
  };
  expect(userIds.length === users, `${users} user ids, found ${userIds.length}`);
  expect(itemIds.length === items, `${items} item ids, found ${itemIds.length}`);
  expect(attributes.length === items, `attributes of ${items} items, found ${attributes.length}`);
  expect(
    offsets[0] === 0 && offsets[users] === dataset.items.length,
    'offsets from 0 to the number of events',
  );
  expect(
    offsets.every((offset, user) => user === 0 || offset >= offsets[user - 1]!),
    'offsets that do not decrease',
  );
  expect(
    dataset.items.every((item) => item > 0 && item < items),
    `item numbers of 1 to ${items - 1}`,
  );
}
