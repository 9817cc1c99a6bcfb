import {
  type CatalogueHeader,
  catalogueLayout,
  catalogueMagic,
  hashSlot,
  type ItemAttributes,
  maxItemIdBytes,
} from '../../shared/catalogue.ts';
import { ReleaseError } from '../../shared/errors.ts';
import type { Section } from '../../shared/release.ts';
import { concatenate } from './concatenate.ts';

export interface CatalogueContent {
  /** [rows]; `itemIds[0]` is the padding row's ''. */
  readonly itemIds: readonly string[];
  /** Attributes of a row, or undefined. */
  readonly attributes: (itemIndex: number) => ItemAttributes | undefined;
  /** Item indices, most popular first, and their scores. */
  readonly popular: { readonly indices: ArrayLike<number>; readonly scores: ArrayLike<number> };
}

const utf8 = new TextEncoder();

/**
 * Writes the catalogue file.
 * @throws ReleaseError when an id is empty, too long, not well-formed Unicode or not unique, or row 0 is not padding
 */
export function encodeCatalogue({ itemIds, attributes, popular }: CatalogueContent): Uint8Array {
  const ids = itemIds.map(encodeId);
  const attributeJson = itemIds.map((_, item) => {
    const value = item === 0 ? undefined : attributes(item);
    return utf8.encode(value === undefined ? '' : JSON.stringify(value));
  });
  const header: CatalogueHeader = {
    rows: ids.length,
    capacity: Math.ceil(ids.length / 0.75),
    popular: popular.indices.length,
    idBytes: totalBytes(ids),
    attributeBytes: totalBytes(attributeJson),
  };
  const layout = catalogueLayout(header);
  const file = new Uint8Array(layout.byteLength);
  const words = ({ offset, bytes }: Section): Uint32Array => new Uint32Array(file.buffer, offset, bytes / 4);
  const { rows, capacity, idBytes, attributeBytes } = header;
  words(layout.header).set([catalogueMagic, rows, capacity, header.popular, idBytes, attributeBytes]);
  concatenate(ids, words(layout.idOffsets), file.subarray(layout.ids.offset));
  concatenate(attributeJson, words(layout.attributeOffsets), file.subarray(layout.attributes.offset));
  fillHash(words(layout.hash), ids);
  words(layout.popularItems).set(popular.indices);
  new Float32Array(file.buffer, layout.popularScores.offset, header.popular).set(popular.scores);
  return file;
}

const totalBytes = (parts: readonly Uint8Array[]): number =>
  parts.reduce((sum, part) => sum + part.length, 0);

function encodeId(itemId: string, row: number): Uint8Array {
  const id = utf8.encode(itemId);
  const fits = row === 0 ? id.length === 0 : id.length > 0 && id.length <= maxItemIdBytes;
  if (!fits || !itemId.isWellFormed()) {
    const expected = row === 0 ? 'an empty id' : `well-formed Unicode of 1 to ${maxItemIdBytes} bytes`;
    throw new ReleaseError(
      `catalogue: expected ${expected} as id of row ${row}, found ${JSON.stringify(itemId)} (${id.length} bytes)`,
    );
  }
  return id;
}

/** Open addressing with linear probing. */
function fillHash(hash: Uint32Array, ids: readonly Uint8Array[]): void {
  for (let row = 1; row < ids.length; row++) {
    const id = ids[row]!;
    let at = hashSlot(id, id.length, hash.length);
    for (; hash[at] !== 0; at = at + 1 === hash.length ? 0 : at + 1) {
      if (sameBytes(ids[hash[at]!]!, id)) {
        throw new ReleaseError(
          `catalogue: expected different ids, found '${new TextDecoder().decode(id)}' twice`,
        );
      }
    }
    hash[at] = row;
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
