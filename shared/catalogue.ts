import * as v from 'valibot';
import { ReleaseError } from './errors.ts';
import { layOut } from './release.ts';

/** What is known of an item besides its id. Everything is optional; what is there is answered as it is. */
export const ItemAttributes = v.object({
  title: v.optional(v.string()),
  categories: v.optional(v.array(v.string())),
  price: v.optional(v.number()),
  url: v.optional(v.string()),
  image: v.optional(v.string()),
  available: v.optional(v.boolean()),
});
export type ItemAttributes = v.InferOutput<typeof ItemAttributes>;

export const maxItemIdBytes = 256;

/**
 * The catalogue of a release in one file: ids, an id → index hash, attributes and the popularity order.
 * Little-endian. A header of 64 bytes (uint32: magic, rows, hash capacity, popular items, bytes of ids, bytes
 * of attributes), then the sections of {@link catalogueLayout}. Row 0 is padding: an empty id.
 *
 * An id is found by open addressing: 18 bytes an item, no string and no Map entry per item in memory.
 */
const magic = 0x31434750; // "PGC1"
const headerBytes = 64;

interface Header {
  readonly rows: number;
  readonly capacity: number;
  readonly popular: number;
  readonly idBytes: number;
  readonly attributeBytes: number;
}

const catalogueLayout = (header: Header) =>
  layOut({
    header: headerBytes,
    idOffsets: (header.rows + 1) * 4,
    hash: header.capacity * 4,
    popularItems: header.popular * 4,
    popularScores: header.popular * 4,
    attributeOffsets: (header.rows + 1) * 4,
    ids: header.idBytes,
    attributes: header.attributeBytes,
  });

/** FNV-1a over the UTF-8 bytes, finished as in MurmurHash3, scaled to [0, capacity). */
function slot(bytes: Uint8Array, length: number, capacity: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return Math.floor(((hash >>> 0) * capacity) / 2 ** 32);
}

export interface CatalogueContent {
  /** [rows]; `itemIds[0]` is the padding row's ''. */
  readonly itemIds: readonly string[];
  /** Attributes of a row, or undefined. */
  readonly attributes: (itemIndex: number) => ItemAttributes | undefined;
  /** Item indices, most popular first, and their scores. */
  readonly popular: { readonly indices: ArrayLike<number>; readonly scores: ArrayLike<number> };
}

/** Writes the catalogue file. */
export function encodeCatalogue(content: CatalogueContent): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const rows = content.itemIds.length;
  const ids = content.itemIds.map((itemId) => encoder.encode(itemId));
  const attributes = ids.map((_, index) => {
    const value = index === 0 ? undefined : content.attributes(index);
    return encoder.encode(value === undefined ? '' : JSON.stringify(value));
  });
  const total = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);
  const header: Header = {
    rows,
    capacity: Math.ceil(rows / 0.75),
    popular: content.popular.indices.length,
    idBytes: total(ids),
    attributeBytes: total(attributes),
  };
  const layout = catalogueLayout(header);
  const file = new Uint8Array(layout.byteLength);
  new Uint32Array(file.buffer, 0, 6).set([
    magic,
    header.rows,
    header.capacity,
    header.popular,
    header.idBytes,
    header.attributeBytes,
  ]);
  const concatenate = (parts: readonly Uint8Array[], offsetsAt: number, bytesAt: number): void => {
    const offsets = new Uint32Array(file.buffer, offsetsAt, parts.length + 1);
    let at = 0;
    for (const [i, part] of parts.entries()) {
      offsets[i] = at;
      file.set(part, bytesAt + at);
      at += part.length;
    }
    offsets[parts.length] = at;
  };
  concatenate(ids, layout.idOffsets.offset, layout.ids.offset);
  concatenate(attributes, layout.attributeOffsets.offset, layout.attributes.offset);
  const hash = new Uint32Array(file.buffer, layout.hash.offset, header.capacity);
  for (let row = 1; row < rows; row++) {
    let at = slot(ids[row]!, ids[row]!.length, header.capacity);
    while (hash[at] !== 0) at = (at + 1) % header.capacity;
    hash[at] = row;
  }
  new Uint32Array(file.buffer, layout.popularItems.offset, header.popular).set(content.popular.indices);
  new Float32Array(file.buffer, layout.popularScores.offset, header.popular).set(content.popular.scores);
  return file;
}

export interface Catalogue {
  /** Rows including the padding row 0. */
  readonly rows: number;
  /** Index of an item, or 0 when the catalogue has no such id. ~0.5 µs, no allocation. */
  find(itemId: string): number;
  itemId(itemIndex: number): string;
  attributes(itemIndex: number): ItemAttributes | undefined;
  /** Item indices, most popular first. */
  readonly popularItems: Uint32Array;
  readonly popularScores: Float32Array;
}

/**
 * Opens a catalogue file in place; nothing is copied or parsed ahead of need. `file` must start on a 4-byte
 * boundary of its buffer.
 * @throws ReleaseError when the bytes are not a catalogue
 */
export function openCatalogue(file: Uint8Array): Catalogue {
  const words = (offset: number, length: number) =>
    new Uint32Array(file.buffer, file.byteOffset + offset, length);
  if (file.length < headerBytes)
    throw new ReleaseError(`catalogue: expected a header of 64 bytes, found ${file.length}`);
  const [found, rows, capacity, popular, idBytes, attributeBytes] = words(0, 6) as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (found !== magic) throw new ReleaseError(`catalogue: expected magic ${magic}, found ${found}`);
  const layout = catalogueLayout({ rows, capacity, popular, idBytes, attributeBytes });
  if (layout.byteLength !== file.length) {
    throw new ReleaseError(`catalogue: expected ${layout.byteLength} bytes, found ${file.length}`);
  }
  const idOffsets = words(layout.idOffsets.offset, rows + 1);
  const attributeOffsets = words(layout.attributeOffsets.offset, rows + 1);
  const hash = words(layout.hash.offset, capacity);
  const ids = file.subarray(layout.ids.offset, layout.ids.offset + idBytes);
  const attributeJson = file.subarray(layout.attributes.offset, layout.attributes.offset + attributeBytes);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const scratch = new Uint8Array(maxItemIdBytes);

  const matches = (row: number, length: number): boolean => {
    const start = idOffsets[row]!;
    if (idOffsets[row + 1]! - start !== length) return false;
    for (let i = 0; i < length; i++) if (ids[start + i] !== scratch[i]) return false;
    return true;
  };

  return {
    rows,
    find(itemId) {
      const { read, written } = encoder.encodeInto(itemId, scratch);
      if (read !== itemId.length || written === 0) return 0;
      for (let at = slot(scratch, written, capacity); ; at = at + 1 === capacity ? 0 : at + 1) {
        const row = hash[at]!;
        if (row === 0 || matches(row, written)) return row;
      }
    },
    itemId: (index) => decoder.decode(ids.subarray(idOffsets[index]!, idOffsets[index + 1]!)),
    attributes(index) {
      const start = attributeOffsets[index]!;
      const end = attributeOffsets[index + 1]!;
      return start === end
        ? undefined
        : (JSON.parse(decoder.decode(attributeJson.subarray(start, end))) as ItemAttributes);
    },
    popularItems: words(layout.popularItems.offset, popular),
    popularScores: new Float32Array(file.buffer, file.byteOffset + layout.popularScores.offset, popular),
  };
}
