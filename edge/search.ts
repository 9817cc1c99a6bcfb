import type { InferOutput } from 'valibot';
import type { Item } from '../shared/api.ts';
import type { Catalogue } from '../shared/catalogue.ts';

/**
 * Finds items by words of their title or id, for people: case-insensitive, every word somewhere. First the item of exactly
 * that id, then popular items, then the rest in catalogue order.
 */
export type Search = (catalogue: Catalogue, query: string, limit: number) => InferOutput<typeof Item>[];

/** Past this, gathering the titles would take too much of an isolate's time and memory; only ids are found, exactly. */
const searchableItems = 100_000;
/** Characters of an item's id and title that are searched. */
const lineLength = 160;
/** Words of a query that are read, the longest. */
const wordsRead = 8;
const rowsAtOnce = 4_096;

/** The texts of a catalogue in one string, a line for each item. */
interface Lines {
  readonly text: string;
  /** [rows + 1] where each item's line starts. */
  readonly starts: Uint32Array;
}

/** A search over one release, whose titles are gathered when first needed: ~40 bytes an item. */
export function createSearch(): Search {
  let lines: Lines | undefined;
  return (catalogue, query, limit) => {
    const found = new Set<number>();
    const exact = catalogue.find(query.trim());
    if (exact !== 0) found.add(exact);
    if (catalogue.rows <= searchableItems) {
      lines ??= gather(catalogue);
      searchLines(lines, catalogue.popularItems, words(query), limit, found);
    }
    return Array.from(found, (item) => {
      const attributes = catalogue.attributes(item);
      return { itemId: catalogue.itemId(item), ...(attributes && { attributes }) };
    });
  };
}

/** The longest first: they are the rarest. */
const words = (query: string): string[] =>
  [...new Set(query.toLowerCase().split(/\s+/).filter(Boolean))]
    .sort((a, b) => b.length - a.length)
    .slice(0, wordsRead);

function gather(catalogue: Catalogue): Lines {
  const starts = new Uint32Array(catalogue.rows + 1);
  let text = '';
  for (let first = 0; first < catalogue.rows; first += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, catalogue.rows - first);
    const lines = Array.from({ length: count }, (_, i) => lineOf(catalogue, first + i));
    let start = text.length;
    for (const [i, line] of lines.entries()) {
      starts[first + i] = start;
      start += line.length;
    }
    text += lines.join('');
  }
  starts[catalogue.rows] = text.length;
  return { text, starts };
}

function lineOf(catalogue: Catalogue, item: number): string {
  if (item === 0) return '\n';
  const line = `${catalogue.itemId(item)} ${catalogue.attributes(item)?.title ?? ''}`;
  return `${line.slice(0, lineLength).replaceAll('\n', ' ').toLowerCase()}\n`;
}

/** Adds items with every word to `found` until it holds `limit`. */
function searchLines(
  { text, starts }: Lines,
  popularItems: Uint32Array,
  wanted: readonly string[],
  limit: number,
  found: Set<number>,
): void {
  const [first] = wanted;
  if (first === undefined) return;
  const matches = (item: number): boolean => {
    const line = text.slice(starts[item], starts[item + 1]);
    return wanted.every((word) => line.includes(word));
  };
  for (const item of popularItems) {
    if (found.size >= limit) return;
    if (matches(item)) found.add(item);
  }
  for (const item of linesWith(text, starts, first)) {
    if (found.size >= limit) return;
    if (matches(item)) found.add(item);
  }
}

/** The lines that hold `word`, in order. */
function* linesWith(text: string, starts: Uint32Array, word: string): Generator<number> {
  for (let at = text.indexOf(word); at >= 0; ) {
    const line = lineAt(starts, at);
    yield line;
    at = text.indexOf(word, starts[line + 1]!);
  }
}

function lineAt(starts: Uint32Array, position: number): number {
  let low = 0;
  let high = starts.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}
