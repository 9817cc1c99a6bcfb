import type { ItemAttributes } from '../../shared/catalogue.ts';
import { codeWidth, columnsLayout } from '../../shared/columns.ts';
import { ReleaseError } from '../../shared/errors.ts';
import type { ColumnEntry, ColumnType, Section } from '../../shared/release.ts';
import { concatenate } from './concatenate.ts';

/** What an item has of an attribute; undefined or an empty list where it has nothing. */
export type AttributeValue = number | string | boolean | readonly string[] | undefined;

/** An attribute that requests may filter by: its value for each item, [rows]; index 0 is padding. */
export interface AttributeColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly values: readonly AttributeValue[];
}

/** Nobody filters by these: they are to be looked at. */
const shown = ['title', 'url', 'image'];

/**
 * The attributes to filter by, in order of their names: what any item has, but for what is only shown.
 * @throws ReleaseError for one that has values of different types
 */
export function attributeColumns(items: readonly (ItemAttributes | undefined)[]): AttributeColumn[] {
  const types = new Map<string, ColumnType>();
  for (const attributes of items) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      const type = Array.isArray(value) ? 'strings' : (typeof value as 'number' | 'string' | 'boolean');
      if ((types.get(name) ?? type) !== type)
        throw new ReleaseError(
          `columns: expected one type of ${name}, found ${types.get(name)} and ${type}: ${JSON.stringify(value)}`,
        );
      types.set(name, type);
    }
  }
  return [...types]
    .filter(([name]) => !shown.includes(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, type]) => ({ name, type, values: items.map((attributes) => attributes?.[name]) }));
}

/** Writes the columns file; see shared/columns.ts. Same values, same bytes. */
export function encodeColumns(
  attributes: readonly AttributeColumn[],
  rows: number,
): { readonly entries: ColumnEntry[]; readonly file: Uint8Array } {
  const encoded = attributes.map((attribute) => encode(attribute, rows));
  const entries = encoded.map(({ entry }) => entry);
  const layout = columnsLayout(entries, rows);
  const file = new Uint8Array(layout.byteLength);
  for (const [i, { numbers, texts, codes, lists }] of encoded.entries()) {
    const sections = layout.columns[i]!;
    const words = ({ offset, bytes }: Section): Uint32Array =>
      new Uint32Array(file.buffer, offset, bytes / 4);
    if (numbers !== undefined) new Float64Array(file.buffer, sections.dictionary.offset).set(numbers);
    if (texts !== undefined)
      concatenate(texts, words(sections.dictionary), file.subarray(sections.texts.offset));
    if (codes !== undefined) writeCodes(codes, file, sections.codes.offset, codeWidth(entries[i]!.values));
    if (lists !== undefined) writeLists(lists, words(sections.codes), words(sections.items));
  }
  return { entries, file };
}

interface Encoded {
  readonly entry: ColumnEntry;
  readonly numbers?: Float64Array;
  readonly texts?: readonly Uint8Array[];
  /** [rows] of a plain column. */
  readonly codes?: Uint32Array;
  /** Items of each code, from 0. */
  readonly lists?: readonly (readonly number[])[];
}

function encode({ name, type, values }: AttributeColumn, rows: number): Encoded {
  const distinct = new Set(values.slice(1).flatMap((value) => value ?? []));
  if (type === 'boolean') {
    const codes = Uint32Array.from({ length: rows }, (_, row) =>
      typeof values[row] === 'boolean' ? 1 + Number(values[row]) : 0,
    );
    return { entry: { name, type, values: 2, textBytes: 0, pairs: 0 }, codes };
  }
  if (type === 'number') {
    const numbers = Float64Array.from(distinct as Set<number>).sort();
    const codeOf = new Map(Array.from(numbers, (number, place) => [number, place + 1]));
    const entry = { name, type, values: numbers.length, textBytes: 0, pairs: 0 };
    return { entry, numbers, codes: codesOf(values, codeOf, rows) };
  }
  const sorted = [...(distinct as Set<string>)]
    .map((text) => ({ text, bytes: Buffer.from(text) }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  const texts = sorted.map(({ bytes }) => bytes);
  const codeOf = new Map(sorted.map(({ text }, place) => [text, place + 1]));
  const textBytes = texts.reduce((sum, bytes) => sum + bytes.length, 0);
  const entry = { name, type, values: texts.length, textBytes, pairs: 0 };
  if (type === 'string') return { entry, texts, codes: codesOf(values, codeOf, rows) };
  const lists: number[][] = Array.from({ length: texts.length + 1 }, () => []);
  for (let row = 1; row < rows; row++) {
    const own = new Set((values[row] ?? []) as readonly string[]);
    if (own.size === 0) lists[0]!.push(row);
    for (const text of own) lists[codeOf.get(text)!]!.push(row);
  }
  return { entry: { ...entry, pairs: lists.reduce((sum, { length }) => sum + length, 0) }, texts, lists };
}

const codesOf = <T>(
  values: readonly AttributeValue[],
  codes: ReadonlyMap<T, number>,
  rows: number,
): Uint32Array =>
  Uint32Array.from({ length: rows }, (_, row) => (row === 0 ? 0 : (codes.get(values[row] as T) ?? 0)));

function writeCodes(
  codes: Uint32Array,
  file: Uint8Array<ArrayBuffer>,
  offset: number,
  width: 1 | 2 | 4,
): void {
  const Column = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[width];
  new Column(file.buffer, offset, codes.length).set(codes);
}

function writeLists(lists: readonly (readonly number[])[], starts: Uint32Array, items: Uint32Array): void {
  let at = 0;
  for (const [code, list] of lists.entries()) {
    starts[code] = at;
    items.set(list, at);
    at += list.length;
  }
  starts[lists.length] = at;
}
