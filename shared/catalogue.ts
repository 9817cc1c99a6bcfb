import * as v from 'valibot';
import { assertOffsets, assertRows } from './assert-indices.ts';
import { ReleaseError } from './errors.ts';
import { layOut, type Section } from './release.ts';

/**
 * What is known of an item besides its id: these, and the attributes that the config declares. Everything is optional; what is
 * there is answered as it is.
 */
export const ItemAttributes = v.objectWithRest(
  {
    title: v.optional(v.string()),
    categories: v.optional(v.array(v.string())),
    price: v.optional(v.number()),
    url: v.optional(v.string()),
    image: v.optional(v.string()),
    available: v.optional(v.boolean()),
  },
  v.union([v.string(), v.number(), v.boolean(), v.array(v.string())]),
);
export type ItemAttributes = v.InferOutput<typeof ItemAttributes>;

export const maxItemIdBytes = 256;

/**
 * The catalogue of a release in one file: ids, an id → index hash, attributes and the popularity order.
 * Little-endian. A header of 64 bytes (uint32: magic, rows, hash capacity, popular items, bytes of ids, bytes
 * of attributes), then the sections of {@link catalogueLayout}. Row 0 is padding: an empty id.
 *
 * An id is found by open addressing: 18 bytes an item, no string and no Map entry per item in memory.
 */
export const catalogueMagic = 0x31434750; // "PGC1"
const headerBytes = 64;

export interface CatalogueHeader {
  readonly rows: number;
  readonly capacity: number;
  readonly popular: number;
  readonly idBytes: number;
  readonly attributeBytes: number;
}

/** Where the sections lie: `header` first, its words in the order of {@link CatalogueHeader} after the magic number. */
export const catalogueLayout = (header: CatalogueHeader) =>
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
export function hashSlot(bytes: Uint8Array, length: number, capacity: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return Math.floor(((hash >>> 0) * capacity) / 2 ** 32);
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
 * Opens a catalogue file in place; nothing is copied, and attributes are parsed when asked for. `file` must start on a
 * 4-byte boundary of its buffer.
 * @throws ReleaseError when the bytes are not a catalogue; what it opens never reads outside of them
 */
export function openCatalogue(file: Uint8Array): Catalogue {
  const header = readHeader(file);
  const layout = catalogueLayout(header);
  if (layout.byteLength !== file.length) {
    throw new ReleaseError(`catalogue: expected ${layout.byteLength} bytes, found ${file.length}`);
  }
  const words = ({ offset, bytes }: Section): Uint32Array =>
    new Uint32Array(file.buffer, file.byteOffset + offset, bytes / 4);
  const bytes = ({ offset, bytes: length }: Section): Uint8Array => file.subarray(offset, offset + length);
  const { rows, capacity } = header;
  const idOffsets = words(layout.idOffsets);
  const attributeOffsets = words(layout.attributeOffsets);
  const hash = words(layout.hash);
  const popularItems = words(layout.popularItems);
  const ids = bytes(layout.ids);
  const attributeJson = bytes(layout.attributes);
  assertOffsets('catalogue', 'id', idOffsets, ids.length);
  assertOffsets('catalogue', 'attribute', attributeOffsets, attributeJson.length);
  assertRows('catalogue', 'hash', hash, rows);
  assertRows('catalogue', 'popular items', popularItems, rows);

  const encoder = new TextEncoder();
  const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });
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
      let at = hashSlot(scratch, written, capacity);
      for (let probes = 0; probes < capacity; probes++) {
        const row = hash[at]!;
        if (row === 0 || matches(row, written)) return row;
        at = at + 1 === capacity ? 0 : at + 1;
      }
      return 0;
    },
    itemId: (index) => decoder.decode(ids.subarray(idOffsets[index]!, idOffsets[index + 1]!)),
    attributes(index) {
      const json = attributeJson.subarray(attributeOffsets[index]!, attributeOffsets[index + 1]!);
      return json.length === 0 ? undefined : parseAttributes(decoder.decode(json), index);
    },
    popularItems,
    popularScores: new Float32Array(
      file.buffer,
      file.byteOffset + layout.popularScores.offset,
      header.popular,
    ),
  };
}

function readHeader(file: Uint8Array): CatalogueHeader {
  if (file.length < headerBytes || file.byteOffset % 4 !== 0) {
    throw new ReleaseError(
      `catalogue: expected a header of ${headerBytes} bytes on a 4-byte boundary, found ${file.length} at ${file.byteOffset}`,
    );
  }
  const words = new Uint32Array(file.buffer, file.byteOffset, 6);
  if (words[0] !== catalogueMagic)
    throw new ReleaseError(`catalogue: expected magic ${catalogueMagic}, found ${words[0]}`);
  return {
    rows: words[1]!,
    capacity: words[2]!,
    popular: words[3]!,
    idBytes: words[4]!,
    attributeBytes: words[5]!,
  };
}

function parseAttributes(json: string, row: number): ItemAttributes {
  try {
    return JSON.parse(json) as ItemAttributes;
  } catch (cause) {
    throw new ReleaseError(`catalogue: expected JSON as attributes of row ${row}`, { cause });
  }
}
