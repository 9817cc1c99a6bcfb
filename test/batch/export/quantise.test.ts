import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dequantise, quantise, viewTable } from '../../../batch/export/quantise.ts';
import type { EmbeddingTable } from '../../../batch/recommender.ts';
import { ReleaseError } from '../../../shared/errors.ts';
import { paddedRows } from '../../../shared/release.ts';

/** Magnitudes over many powers of ten, rows of zeros among them. */
const value = fc.oneof(
  fc.constant(0),
  fc.float({ min: -1, max: 1, noNaN: true }),
  fc.integer({ min: -1_000_000, max: 1_000_000 }),
  fc.float({ min: Math.fround(-1e-20), max: Math.fround(1e-20), noNaN: true }),
);

const table = fc
  .record({
    items: fc.integer({ min: 0, max: 40 }),
    dimensions: fc.integer({ min: 1, max: 40 }),
    bias: fc.boolean(),
  })
  .chain(({ items, dimensions, bias }) => {
    const rows = items + 1;
    return fc.array(value, { minLength: items * dimensions, maxLength: items * dimensions }).map(
      (values): EmbeddingTable => ({
        rows,
        dimensions,
        values: Float32Array.from([...new Array<number>(dimensions).fill(0), ...values]),
        ...(bias && { bias: Float32Array.from({ length: rows }, (_, row) => row / 3) }),
      }),
    );
  });

describe('quantise', () => {
  it('moves no value by more than half a step of its row', () => {
    fc.assert(
      fc.property(table, (source) => {
        const quantised = quantise(source);
        const { scales } = viewTable(quantised.file, quantised.table);
        const back = dequantise(quantised);
        expect(back.dimensions % 16).toBe(0);
        for (let row = 0; row < source.rows; row++) {
          const values = source.values.subarray(row * source.dimensions, (row + 1) * source.dimensions);
          const found = back.values.subarray(row * back.dimensions, (row + 1) * back.dimensions);
          const largest = values.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
          // Smallest normal float32: below it, float32 itself has no digits left to keep.
          if (largest > 0 && largest < 127 * 1.2e-38) continue;
          expect(scales[row]).toBe(Math.fround(largest / 127));
          for (const [i, x] of found.entries()) {
            const step = scales[row]! * (0.5 + 1e-4);
            expect(Math.abs(x - (values[i] ?? 0))).toBeLessThanOrEqual(i < source.dimensions ? step : 0);
          }
        }
        expect(back.bias).toEqual(source.bias);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps a table that is quantised already', () => {
    fc.assert(
      fc.property(table, (source) => {
        const once = dequantise(quantise(source));
        const twice = dequantise(quantise(once));
        for (const [i, x] of twice.values.entries()) {
          expect(Math.abs(x - once.values[i]!)).toBeLessThanOrEqual(2e-7 * Math.abs(once.values[i]!));
        }
      }),
    );
  });

  it('lays the file out as documented: values, scales, biases, bounds, padding of zeros', () => {
    const source: EmbeddingTable = {
      rows: 3,
      dimensions: 2,
      values: Float32Array.of(0, 0, 1, -0.25, 0, 254),
      bias: Float32Array.of(0, 0.5, -1),
    };
    const { file, table: described } = quantise(source);
    expect(described).toEqual({ rows: 3, dimensions: 16, bias: true });
    expect(paddedRows(3)).toBe(32);
    expect(file).toHaveLength(32 * 16 + 32 * 4 + 32 * 4 + 64);
    const values = new Int8Array(file.buffer, 0, 32 * 16);
    expect([...values.subarray(16, 18)]).toEqual([127, -32]);
    expect([...values.subarray(32, 34)]).toEqual([0, 127]);
    expect(values.filter((x) => x !== 0)).toHaveLength(3);
    expect([...new Float32Array(file.buffer, 512, 32)]).toEqual([
      0,
      Math.fround(1 / 127),
      2,
      ...new Array(29).fill(0),
    ]);
    expect([...new Float32Array(file.buffer, 640, 32)]).toEqual([0, 0.5, -1, ...new Array(29).fill(0)]);
    const [norm, bias] = new Float32Array(file.buffer, 768, 2);
    expect(norm).toBeGreaterThanOrEqual(254);
    expect(norm).toBeLessThan(254.1);
    expect(bias).toBe(0.5);
  });

  it.each<[string, EmbeddingTable, string]>([
    ['a NaN', { rows: 2, dimensions: 1, values: Float32Array.of(0, Number.NaN) }, 'found NaN in row 1'],
    [
      'an infinity',
      { rows: 2, dimensions: 1, values: Float32Array.of(0, -1 / 0) },
      'found -Infinity in row 1',
    ],
    [
      'a padding row that is not zero',
      { rows: 1, dimensions: 1, values: Float32Array.of(1) },
      'row 0 to be padding',
    ],
    [
      'values of another number',
      { rows: 2, dimensions: 2, values: new Float32Array(3) },
      '2 rows of 2 values, found 3',
    ],
    [
      'biases of another number',
      { rows: 2, dimensions: 1, values: new Float32Array(2), bias: new Float32Array(1) },
      'expected 2 biases, found 1',
    ],
    [
      'a bias that is no number',
      { rows: 2, dimensions: 1, values: new Float32Array(2), bias: Float32Array.of(0, Number.NaN) },
      'finite biases, found one in row 1',
    ],
  ])('refuses %s', (_, source, message) => {
    expect(() => quantise(source)).toThrow(ReleaseError);
    expect(() => quantise(source)).toThrow(message);
  });

  it('opens only a file of the table’s size', () => {
    const { file, table: described } = quantise({ rows: 2, dimensions: 3, values: new Float32Array(6) });
    expect(() => viewTable(file.subarray(0, -64), described)).toThrow('expected 704 bytes, found 640');
  });
});
