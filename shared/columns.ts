import { assertOffsets, assertRows } from './assert-indices.ts';
import { ReleaseError } from './errors.ts';
import { align, type ColumnEntry, paddedRows, type Section } from './release.ts';

/**
 * The attributes that requests may filter by, as columns of codes: a value's code is its place in the column's sorted
 * dictionary, from 1; 0 says that an item has none. So comparisons are ranges of codes, exact for numbers of any size, and a row
 * costs one, two or four bytes. A column of lists is stored the other way round: for each code the items that have it.
 */
/** What a filter compares with. */
export type ColumnValue = number | string | boolean;

interface ColumnSections {
  /** Numbers: float64 [values], ascending. Texts: uint32 [values + 1] offsets into `texts`. Booleans: nothing. */
  readonly dictionary: Section;
  /** The texts one after another, ascending by their bytes. */
  readonly texts: Section;
  /** uint8, uint16 or uint32 [paddedRows]. Of lists: uint32 [values + 2], where each code's items begin and the last end. */
  readonly codes: Section;
  /** Of lists: uint32 [pairs] items, ascending for each code. */
  readonly items: Section;
}

/** Bytes of a code in a column of so many values. */
export const codeWidth = (values: number): 1 | 2 | 4 => (values < 2 ** 8 ? 1 : values < 2 ** 16 ? 2 : 4);

/** Where the columns of a file lie, little-endian, every section on a 64-byte boundary. */
export function columnsLayout(
  entries: readonly ColumnEntry[],
  rows: number,
): { readonly columns: readonly ColumnSections[]; readonly byteLength: number } {
  let offset = 0;
  const section = (bytes: number): Section => {
    const placed = { offset, bytes };
    offset = align(offset + bytes);
    return placed;
  };
  const columns = entries.map(({ type, values, textBytes, pairs }) => {
    const isText = type === 'string' || type === 'strings';
    const isList = type === 'strings';
    return {
      dictionary: section(isText ? (values + 1) * 4 : type === 'number' ? values * 8 : 0),
      texts: section(textBytes),
      codes: section(isList ? (values + 2) * 4 : paddedRows(rows) * codeWidth(values)),
      items: section(isList ? pairs * 4 : 0),
    };
  });
  return { columns, byteLength: offset };
}

/** One column of an open file: what a filter is compiled against. */
export interface Column extends ColumnEntry {
  /** Its place in the file. */
  readonly index: number;
  /** The code of a value; 0 where no item has it. */
  codeOf(value: ColumnValue): number;
  /** How many values lie below `value` (`orEqual`: or are it): codes 1…that many. */
  below(value: ColumnValue, orEqual: boolean): number;
  /** Byte offset of the codes in the file, and the bytes of one; of a list 0 and 0. */
  readonly codes: { readonly offset: number; readonly width: number };
  /** Of a list: the items that have a code, ascending. */
  itemsOf(code: number): Uint32Array;
}

const encoder = new TextEncoder();

/**
 * Opens a columns file in place. `file` must start on an 8-byte boundary of its buffer.
 * @throws ReleaseError when its bytes are not such columns; what it opens never reads outside of them
 */
export function openColumns(file: Uint8Array, entries: readonly ColumnEntry[], rows: number): Column[] {
  const layout = columnsLayout(entries, rows);
  if (layout.byteLength !== file.length || file.byteOffset % 8 !== 0)
    throw new ReleaseError(`columns: expected ${layout.byteLength} bytes, found ${file.length}`);
  return entries.map((entry, index) => ({ index, ...openColumn(file, entry, layout.columns[index]!, rows) }));
}

function openColumn(
  file: Uint8Array,
  entry: ColumnEntry,
  sections: ColumnSections,
  rows: number,
): Omit<Column, 'index'> {
  const words = ({ offset, bytes }: Section): Uint32Array =>
    new Uint32Array(file.buffer, file.byteOffset + offset, bytes / 4);
  const below = orderOf(file, entry, sections);
  const isList = entry.type === 'strings';
  const starts = isList ? words(sections.codes) : new Uint32Array(0);
  const items = words(sections.items);
  if (isList) {
    assertOffsets('columns', entry.name, starts, entry.pairs);
    assertRows('columns', entry.name, items, rows);
  }
  return {
    ...entry,
    below,
    codeOf(value) {
      const code = below(value, true);
      return code > below(value, false) ? code : 0;
    },
    codes: isList
      ? { offset: 0, width: 0 }
      : { offset: sections.codes.offset, width: codeWidth(entry.values) },
    itemsOf: (code) => items.subarray(starts[code], starts[code + 1]),
  };
}

/** How a column's dictionary orders its values, by binary search. */
function orderOf(
  file: Uint8Array,
  { name, type, values }: ColumnEntry,
  sections: ColumnSections,
): Column['below'] {
  const search = (isBelow: (place: number) => boolean): number => {
    let low = 0;
    for (let high = values; low < high; ) {
      const middle = (low + high) >>> 1;
      if (isBelow(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const start = file.byteOffset + sections.dictionary.offset;
  if (type === 'boolean') return (value, orEqual) => Number(value) + Number(orEqual);
  if (type === 'number') {
    const numbers = new Float64Array(file.buffer, start, values);
    return (value, orEqual) =>
      search((place) => numbers[place]! < (value as number) || (orEqual && numbers[place] === value));
  }
  const offsets = new Uint32Array(file.buffer, start, values + 1);
  const texts = file.subarray(sections.texts.offset, sections.texts.offset + sections.texts.bytes);
  assertOffsets('columns', name, offsets, texts.length);
  return (value, orEqual) => {
    const wanted = encoder.encode(value as string);
    return search((place) => {
      const order = compareBytes(texts.subarray(offsets[place], offsets[place + 1]), wanted);
      return order < 0 || (orEqual && order === 0);
    });
  };
}

/** Byte order, which is the order of code points. */
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
