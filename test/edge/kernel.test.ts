import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createKernel,
  largestQuery,
  placeTable,
  type Scratch,
  scratchSizes,
} from '../../edge/kernel/kernel.ts';
import { type Ranked, topK } from '../../shared/ranking.ts';
import { layOut, paddedRows, rowBlock, tableLayout } from '../../shared/release.ts';

const module = new WebAssembly.Module(readFileSync('edge/kernel/kernel.wasm'));
const maxHistory = 40;

interface Case {
  readonly rows: number;
  readonly dimensions: number;
  /** int8 [rows][dimensions] */
  readonly values: Int8Array;
  readonly scales: Float32Array;
  readonly biases: Float32Array | undefined;
}

/** Puts a table into a fresh memory as a release file would lie there. */
function place(table: Case) {
  const descriptor = { file: 'items', rows: table.rows, dimensions: table.dimensions, bias: !!table.biases };
  const layout = tableLayout(descriptor);
  const work = layOut({ ...scratchSizes(table.rows, table.dimensions, maxHistory, 500) });
  const memory = new WebAssembly.Memory({
    initial: Math.ceil((layout.byteLength + work.byteLength) / 65_536),
  });
  const kernel = createKernel(module, memory);
  const { byteLength, ...sections } = work;
  const scratch = Object.fromEntries(
    Object.entries(sections).map(([name, section]) => [name, layout.byteLength + section.offset]),
  ) as Scratch;
  const at = placeTable(descriptor, 0);
  new Int8Array(memory.buffer).set(table.values, at.values);
  new Float32Array(memory.buffer, at.scales).set(table.scales);
  if (table.biases) new Float32Array(memory.buffer, at.biases).set(table.biases);
  new Float32Array(memory.buffer, at.bounds, layout.bounds.bytes / 4).set(boundsOf(table));
  kernel.clearExcluded(at, scratch);
  return { kernel, at, scratch };
}

/** Of each block of rows the largest norm and the largest bias; what is not finite bounds nothing. */
function boundsOf({ rows, dimensions, values, scales, biases }: Case): Float32Array {
  const bounds = new Float32Array((paddedRows(rows) / rowBlock) * 2);
  const larger = (a: number, b: number): number =>
    Number.isFinite(b) ? Math.max(a, b) : Number.POSITIVE_INFINITY;
  for (let row = 0; row < rows; row++) {
    const at = 2 * Math.floor(row / rowBlock);
    const vector = values.subarray(row * dimensions, (row + 1) * dimensions);
    const norm = Math.hypot(...vector) * Math.abs(scales[row]!) * (1 + 1e-4);
    bounds[at] = larger(bounds[at]!, norm);
    bounds[at + 1] = larger(
      row % rowBlock === 0 ? Number.NEGATIVE_INFINITY : bounds[at + 1]!,
      biases?.[row] ?? 0,
    );
  }
  return bounds;
}

/** The same arithmetic, one number after another: int16 query, exact integer dot product, float32 steps. */
function naive(table: Case, query: Float32Array, k: number, excluded: readonly number[]): Ranked {
  const largest = query.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const step = Math.fround(largest / largestQuery(table.dimensions));
  const steps = Array.from(query, (value) => (step < 2 ** -126 ? 0 : Math.round(value / step)));
  const scores = Float32Array.from({ length: table.rows }, (_, row) => {
    let dot = 0;
    for (let d = 0; d < table.dimensions; d++) dot += table.values[row * table.dimensions + d]! * steps[d]!;
    const scaled = Math.fround(Math.fround(Math.fround(dot) * table.scales[row]!) * step);
    return Math.fround(scaled + (table.biases?.[row] ?? 0));
  });
  return topK(scores, k, (row) => excluded.includes(row));
}

const finite = (limit: number) => fc.float({ noNaN: true, noDefaultInfinity: true, min: -limit, max: limit });

const Tables: fc.Arbitrary<Case> = fc
  .record({
    rows: fc.integer({ min: 1, max: 150 }),
    dimensions: fc.constantFrom(16, 32, 64, 80),
    bias: fc.boolean(),
    /** Few distinct values make ties, many make none. */
    spread: fc.constantFrom(1, 3, 127),
    seed: fc.integer(),
  })
  .chain(({ rows, dimensions, bias, spread }) =>
    fc.record({
      rows: fc.constant(rows),
      dimensions: fc.constant(dimensions),
      values: fc
        .int8Array({ minLength: dimensions, maxLength: rows * dimensions, min: -spread, max: spread })
        .map((some) => Int8Array.from({ length: rows * dimensions }, (_, i) => some[i % some.length]!)),
      scales: fc
        .array(fc.oneof(fc.constant(0.5), finite(2)), { minLength: rows, maxLength: rows })
        .map((a) => Float32Array.from(a)),
      biases: bias
        ? fc
            .array(
              fc.oneof(
                fc.constant(0),
                finite(10),
                fc.constant(Number.NaN),
                fc.constant(Number.POSITIVE_INFINITY),
              ),
              { minLength: rows, maxLength: rows },
            )
            .map((a) => Float32Array.from(a))
        : fc.constant(undefined),
    }),
  );

const plain = (ranked: Ranked) => ({ indices: [...ranked.indices], scores: [...ranked.scores] });

describe('scan', () => {
  it('ranks exactly as the naive reference: scores, ties, exclusion, bias, scores that are not finite', () => {
    fc.assert(
      fc.property(
        Tables,
        fc.float32Array({ minLength: 80, maxLength: 80, noNaN: true, noDefaultInfinity: true }),
        fc.nat(500),
        fc.array(fc.nat(150), { maxLength: 60 }),
        (table, numbers, k, excluded) => {
          const { kernel, at, scratch } = place(table);
          const query = numbers.subarray(0, table.dimensions);
          const found = kernel.scan(at, scratch, query, k, excluded);
          expect(plain(found)).toEqual(plain(naive(table, query, k, excluded)));
          // What one request excluded, the next one gets.
          expect(plain(kernel.scan(at, scratch, query, k, []))).toEqual(plain(naive(table, query, k, [])));
        },
      ),
      { numRuns: 300, seed: 7 },
    );
  });

  it('holds the largest dot product that can occur', () => {
    for (const dimensions of [16, 64, 512, 1_024, 4_096]) {
      const rows = 33;
      const table: Case = {
        rows,
        dimensions,
        values: new Int8Array(rows * dimensions).fill(-128),
        scales: new Float32Array(rows).fill(1),
        biases: undefined,
      };
      const { kernel, at, scratch } = place(table);
      const { scores } = kernel.scan(at, scratch, new Float32Array(dimensions).fill(-1), 1, []);
      expect(scores[0]! / (128 * dimensions)).toBeCloseTo(1, 6);
    }
  });

  it('never ranks the padding row or the rows behind the last', () => {
    const table: Case = {
      rows: 5,
      dimensions: 16,
      values: new Int8Array(5 * 16).fill(-1),
      scales: new Float32Array(5).fill(1),
      biases: undefined,
    };
    const { kernel, at, scratch } = place(table);
    const found = kernel.scan(at, scratch, new Float32Array(16).fill(1), 500, []);
    expect([...found.indices]).toEqual([1, 2, 3, 4]);
  });

  it('refuses a query that is not finite', () => {
    const { kernel, at, scratch } = place({
      rows: 3,
      dimensions: 16,
      values: new Int8Array(48),
      scales: new Float32Array(3),
      biases: undefined,
    });
    const query = new Float32Array(16);
    query[3] = Number.NaN;
    expect(() => kernel.scan(at, scratch, query, 1, [])).toThrow('found NaN at 3');
  });

  it('loses nothing to the int16 query: float32 order within 1e-4 of the largest score', () => {
    const rows = 2_000;
    const dimensions = 64;
    let state = 1;
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      return state / 2 ** 31;
    };
    const table: Case = {
      rows,
      dimensions,
      values: Int8Array.from({ length: rows * dimensions }, () => Math.round(random() * 127)),
      scales: Float32Array.from({ length: rows }, () => 0.01 + Math.abs(random()) / 100),
      biases: undefined,
    };
    const { kernel, at, scratch } = place(table);
    const query = Float32Array.from({ length: dimensions }, random);
    const { indices, scores } = kernel.scan(at, scratch, query, 100, []);
    for (const [i, row] of indices.entries()) {
      let exact = 0;
      for (let d = 0; d < dimensions; d++) exact += table.values[row * dimensions + d]! * query[d]!;
      expect(Math.abs(exact * table.scales[row]! - scores[i]!)).toBeLessThan(1e-4 * scores[0]!);
    }
  });
});

describe('gather', () => {
  it('dequantises the rows that it is asked for', () => {
    fc.assert(
      fc.property(Tables, fc.array(fc.nat(), { maxLength: maxHistory }), (table, numbers) => {
        const { kernel, at, scratch } = place(table);
        const indices = Int32Array.from(numbers, (number) => number % table.rows);
        const expected = [...indices].flatMap((row) =>
          Array.from({ length: table.dimensions }, (_, d) =>
            Math.fround(table.values[row * table.dimensions + d]! * table.scales[row]!),
          ),
        );
        expect([...kernel.gather(at, scratch, indices)]).toEqual(expected);
      }),
      { numRuns: 100, seed: 7 },
    );
  });
});
