import type { Column } from '../shared/columns.ts';
import { compileFilter, type Filter, FilterError, filterLimits, type Predicate } from '../shared/filter.ts';
import { align, paddedRows } from '../shared/release.ts';
import type { Kernel } from './kernel/kernel.ts';
import { badFilter } from './problems.ts';
import type { Release } from './release.ts';

/** The columns of a release in the kernel's memory, and work space to evaluate filters in. */
export interface PlacedColumns {
  readonly columns: readonly Column[];
  readonly rows: number;
  /** Byte address of the columns file. */
  readonly file: number;
  /** Byte address of {@link filterBytes} of work space. */
  readonly bitmaps: number;
}

/** What a request must not be answered. */
export interface Exclusion {
  readonly items: ReadonlySet<number>;
  /** The rows that its filter does not let through, as a bitmap, lowest bit first, and its byte address; until the next await. */
  readonly rows?: { readonly address: number; readonly bits: Uint8Array };
}

export const excludes = ({ items, rows }: Exclusion, item: number): boolean =>
  items.has(item) || (rows !== undefined && (rows.bits[item >> 3]! & (1 << (item & 7))) !== 0);

/**
 * What a request's filter comes down to here; without one, nothing.
 * @throws HttpProblem 400 for one that means nothing for this release, or costs too much
 */
export function predicateOf(
  filter: Filter | undefined,
  placed: PlacedColumns | undefined,
): Predicate | undefined {
  try {
    return filter && compileFilter(filter, placed?.columns ?? [], placed?.rows ?? 0);
  } catch (error) {
    if (error instanceof FilterError) throw badFilter(`filter: ${error.message}`);
    throw error;
  }
}

/** Evaluates the request's filter, if it has one, over the whole catalogue. */
export function exclusionOf(
  { kernel, placed }: Release,
  items: ReadonlySet<number>,
  filter: Predicate | undefined,
): Exclusion {
  const { columns } = placed();
  if (filter === undefined || columns === undefined) return { items };
  const address = excludeByFilter(kernel, columns, filter);
  const bits = new Uint8Array(kernel.memory.buffer, address, paddedRows(columns.rows) / 8);
  return { items, rows: { address, bits } };
}

/** Each level is at most an `and` within an `or`; one more for the conditions of an attribute, one for the last operand. */
const bitmapCount = 2 * filterLimits.depth + 2;

/** Bytes of a bitmap, a whole number of SIMD vectors, and of the work space. */
const bitmapBytes = (rows: number): number => align(paddedRows(rows) / 8);
export const filterBytes = (rows: number): number => bitmapCount * bitmapBytes(rows);

/**
 * Evaluates a filter over the whole catalogue. Returns the byte address of a bitmap of the rows that do NOT pass, padding
 * rows among them, lowest bit first; the next evaluation writes over it.
 */
export function excludeByFilter(kernel: Kernel, placed: PlacedColumns, predicate: Predicate): number {
  const { rows, bitmaps } = placed;
  const bytes = bitmapBytes(rows);
  evaluate(kernel, placed, predicate, bitmaps);
  kernel.combine(bitmaps, bitmaps, bytes, 'neither');
  const bits = new Uint8Array(kernel.memory.buffer, bitmaps, bytes);
  bits[0]! |= 1;
  for (let row = rows; row < bytes * 8; row++) bits[row >> 3]! |= 1 << (row & 7);
  return bitmaps;
}

/** Leaves the rows for which `predicate` holds in the bitmap at `out`, and anything in those behind it. */
function evaluate(kernel: Kernel, placed: PlacedColumns, predicate: Predicate, out: number): void {
  const { columns, rows, file } = placed;
  const bytes = bitmapBytes(rows);
  switch (predicate.kind) {
    case 'codes': {
      const { offset, width } = columns[predicate.column]!.codes;
      const codes = { codes: file + offset, width, rows };
      if (predicate.ranges.length === 0) new Uint8Array(kernel.memory.buffer, out, bytes).fill(0);
      for (const [i, [low, high]] of predicate.ranges.entries()) kernel.match(codes, low, high, out, i > 0);
      break;
    }
    case 'lists': {
      const bits = new Uint8Array(kernel.memory.buffer, out, bytes).fill(0);
      for (const code of predicate.codes) {
        const items = columns[predicate.column]!.itemsOf(code);
        for (let i = 0; i < items.length; i++) bits[items[i]! >> 3]! |= 1 << (items[i]! & 7);
      }
      break;
    }
    case 'not':
      evaluate(kernel, placed, predicate.of, out);
      kernel.combine(out, out, bytes, 'neither');
      break;
    default:
      for (const [i, part] of predicate.of.entries()) {
        if (i === 0) {
          evaluate(kernel, placed, part, out);
          continue;
        }
        const isExcept = predicate.kind === 'and' && part.kind === 'not';
        evaluate(kernel, placed, isExcept ? part.of : part, out + bytes);
        kernel.combine(out, out + bytes, bytes, isExcept ? 'and not' : predicate.kind);
      }
  }
}
