import type { Ranked } from '../../shared/ranking.ts';
import { paddedRows, type Table, tableLayout } from '../../shared/release.ts';

/** Where a quantised table lies in the kernel's memory: byte addresses. `biases` is 0 where it has none. */
export interface PlacedTable {
  readonly values: number;
  readonly scales: number;
  readonly biases: number;
  readonly bounds: number;
  readonly rows: number;
  readonly dimensions: number;
}

/** Work space of scan and gather in the kernel's memory, sized by {@link scratchSizes}: byte addresses. */
export type Scratch = Readonly<Record<keyof ReturnType<typeof scratchSizes>, number>>;

/** Bytes of each part of the work space; `gathered` rows at most are gathered at once, `k` is the longest answer. */
export const scratchSizes = (rows: number, dimensions: number, gathered: number, k: number) => ({
  query: dimensions * 2,
  excluded: paddedRows(rows) / 8,
  heap: k * 8,
  ranked: k * 8,
  indices: gathered * 4,
  gathered: gathered * dimensions * 4,
});

/**
 * The SIMD kernel over one memory. Every method is synchronous and copies its result out, so requests that take turns
 * can share one scratch space.
 */
export interface Kernel {
  readonly memory: WebAssembly.Memory;
  /** Sets the bitmap of rows that never rank: the padding row 0 and those behind the last row. Once for a table. */
  clearExcluded(table: PlacedTable, scratch: Scratch): void;
  /**
   * The k best rows by `table[row] · query (+ bias)`, without the `excluded`, by the rule of shared/ranking.ts.
   * `query` is float32 [dimensions] and is quantised to int16; the scores are the same on every machine.
   * @throws RangeError when the query is not finite
   */
  scan(
    table: PlacedTable,
    scratch: Scratch,
    query: Float32Array,
    k: number,
    excluded: ArrayLike<number>,
  ): Ranked;
  /** The listed rows as float32 [indices.length, dimensions]. */
  gather(
    table: PlacedTable,
    scratch: Pick<Scratch, 'indices' | 'gathered'>,
    indices: Int32Array,
  ): Float32Array;
  /** Sets in the bitmap at `out` the rows whose code is low…high, both included; clears the others, or leaves them to `keep`. */
  match(codes: PlacedCodes, low: number, high: number, out: number, keep: boolean): void;
  /** Combines two bitmaps of `bytes`, a multiple of 16, into the first. The same one twice with `neither` is its complement. */
  combine(target: number, other: number, bytes: number, how: keyof typeof combinations): void;
}

/** A column of codes in the kernel's memory: byte address, bytes of a code. */
export interface PlacedCodes {
  readonly codes: number;
  readonly width: number;
  readonly rows: number;
}

const combinations = { and: 0, or: 1, 'and not': 2, neither: 3 } as const;

type Exports = Readonly<Record<'scan' | 'gather' | 'match' | 'combine', (...values: number[]) => number>>;

/** Instantiates the compiled kernel over `memory`. */
export function createKernel(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernel {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const wasm = exports as unknown as Exports;
  return {
    memory,
    clearExcluded(table, scratch) {
      const bits = new Uint8Array(memory.buffer, scratch.excluded, paddedRows(table.rows) / 8).fill(0);
      setBit(bits, 0);
      for (let row = table.rows; row < bits.length * 8; row++) setBit(bits, row);
    },
    scan(table, scratch, query, k, excluded) {
      const queryScale = quantise(query, new Int16Array(memory.buffer, scratch.query, table.dimensions));
      const bits = new Uint8Array(memory.buffer, scratch.excluded, paddedRows(table.rows) / 8);
      for (let i = 0; i < excluded.length; i++) setBit(bits, excluded[i]!);
      const found = wasm.scan(
        table.values,
        table.scales,
        table.biases,
        table.bounds,
        paddedRows(table.rows),
        table.dimensions,
        scratch.query,
        queryScale,
        norm(new Int16Array(memory.buffer, scratch.query, table.dimensions)) * queryScale,
        scratch.excluded,
        scratch.heap,
        k,
        scratch.ranked,
      );
      for (let i = 0; i < excluded.length; i++) clearBit(bits, excluded[i]!, table.rows);
      return {
        indices: new Int32Array(memory.buffer, scratch.ranked, found).slice(),
        scores: new Float32Array(memory.buffer, scratch.ranked + 4 * k, found).slice(),
      };
    },
    gather(table, scratch, indices) {
      new Int32Array(memory.buffer, scratch.indices, indices.length).set(indices);
      const { values, scales, dimensions } = table;
      wasm.gather(values, scales, dimensions, scratch.indices, indices.length, scratch.gathered);
      return new Float32Array(memory.buffer, scratch.gathered, indices.length * dimensions).slice();
    },
    match({ codes, width, rows }, low, high, out, keep) {
      wasm.match(codes, width, paddedRows(rows), low, high, out, Number(keep));
    },
    combine(target, other, bytes, how) {
      wasm.combine(target, other, bytes, combinations[how]);
    },
  };
}

/** Addresses of a table file's sections, the file starting at `address`. */
export function placeTable(table: Table, address: number): PlacedTable {
  const layout = tableLayout(table);
  return {
    values: address + layout.values.offset,
    scales: address + layout.scales.offset,
    biases: table.bias ? address + layout.biases.offset : 0,
    bounds: address + layout.bounds.offset,
    rows: table.rows,
    dimensions: table.dimensions,
  };
}

/** Largest magnitude of an int16 query whose dot product with an int8 row of as many dimensions fits an int32. */
export const largestQuery = (dimensions: number): number =>
  Math.min(32_767, Math.floor((2 ** 31 - 1) / (128 * dimensions)));

const norm = (steps: Int16Array): number => {
  let sum = 0;
  for (let i = 0; i < steps.length; i++) sum += steps[i]! ** 2;
  return Math.sqrt(sum);
};

const smallestNormal = 2 ** -126;

/** Fills `out` with the query in steps of the returned size. */
function quantise(query: Float32Array, out: Int16Array): number {
  let largest = 0;
  for (let i = 0; i < out.length; i++) {
    const magnitude = Math.abs(query[i]!);
    if (!(magnitude < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`query: expected ${out.length} finite numbers, found ${query[i]} at ${i}`);
    }
    if (magnitude > largest) largest = magnitude;
  }
  const step = Math.fround(largest / largestQuery(out.length));
  // A subnormal step is too coarse a number to divide by.
  if (step < smallestNormal) out.fill(0);
  else for (let i = 0; i < out.length; i++) out[i] = Math.round(query[i]! / step);
  return step;
}

function setBit(bits: Uint8Array, row: number): void {
  bits[row >> 3]! |= 1 << (row & 7);
}

function clearBit(bits: Uint8Array, row: number, rows: number): void {
  if (row > 0 && row < rows) bits[row >> 3]! &= ~(1 << (row & 7));
}
