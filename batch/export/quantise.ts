import { ReleaseError } from '../../shared/errors.ts';
import { rowBlock, type Table, tableLayout } from '../../shared/release.ts';
import type { EmbeddingTable } from '../recommender.ts';

/** SIMD lanes of int8: a row is a whole number of them. */
const lanes = 16;
const largest = 127;

/** A table file and what the manifest says of it besides its name. */
export interface QuantisedTable {
  readonly table: Omit<Table, 'file'>;
  readonly file: Uint8Array<ArrayBuffer>;
}

/** The sections of a table file, as views. */
export interface TableViews {
  /** [paddedRows · dimensions] */
  readonly values: Int8Array;
  /** [paddedRows] */
  readonly scales: Float32Array;
  /** [paddedRows / rowBlock][2] */
  readonly bounds: Float32Array;
  /** [paddedRows]; absent in a table without bias. */
  readonly biases?: Float32Array;
}

/**
 * Symmetric int8, one scale a row: scale = max |x| / 127, value = round(x / scale), so that every element is off by at
 * most scale / 2. Dimensions are padded with zeros to a multiple of 16, rows as {@link tableLayout} says.
 * @throws ReleaseError when a value is not finite or row 0 is not the padding row
 */
export function quantise(source: EmbeddingTable): QuantisedTable {
  check(source);
  const dimensions = Math.ceil(source.dimensions / lanes) * lanes;
  const table = { rows: source.rows, dimensions, bias: source.bias !== undefined };
  const file = new Uint8Array(tableLayout(table).byteLength);
  const views = viewTable(file, table);
  for (let row = 0; row < source.rows; row++) {
    const from = row * source.dimensions;
    const values = source.values.subarray(from, from + source.dimensions);
    views.scales[row] = quantiseRow(values, views.values, row * dimensions);
  }
  if (source.bias !== undefined) views.biases?.set(source.bias);
  bound(views, dimensions);
  return { table, file };
}

/** What rounding may add to a norm, and to a score that is added up in float32, generously. */
const slack = 1 + 1e-4;

/** Fills in each block's largest norm and largest bias: no row's score exceeds norm · ‖query‖ + bias. */
function bound({ values, scales, biases, bounds }: TableViews, dimensions: number): void {
  for (let row = 0; row < scales.length; row++) {
    let sum = 0;
    for (let at = row * dimensions; at < (row + 1) * dimensions; at++) sum += values[at]! ** 2;
    const norm = Math.sqrt(sum) * scales[row]! * slack;
    const at = 2 * Math.floor(row / rowBlock);
    bounds[at] = Math.max(bounds[at]!, norm);
    bounds[at + 1] = Math.max(
      row % rowBlock === 0 ? Number.NEGATIVE_INFINITY : bounds[at + 1]!,
      biases?.[row] ?? 0,
    );
  }
}

/** Writes one row at `out[at …]` and returns its scale. */
function quantiseRow(values: Float32Array, out: Int8Array, at: number): number {
  let max = 0;
  for (const value of values) max = Math.max(max, Math.abs(value));
  const scale = Math.fround(max / largest);
  if (scale === 0) return 0;
  for (let i = 0; i < values.length; i++) {
    out[at + i] = Math.max(-largest, Math.min(largest, Math.round(values[i]! / scale)));
  }
  return scale;
}

function check({ rows, dimensions, values, bias }: EmbeddingTable): void {
  if (values.length !== rows * dimensions) {
    throw new ReleaseError(
      `table: expected ${rows} rows of ${dimensions} values, found ${values.length} values`,
    );
  }
  if (bias !== undefined && bias.length !== rows) {
    throw new ReleaseError(`table: expected ${rows} biases, found ${bias.length}`);
  }
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new ReleaseError(
      `table: expected finite values, found ${values[bad]} in row ${Math.floor(bad / dimensions)}`,
    );
  }
  const badBias = bias?.findIndex((value) => !Number.isFinite(value)) ?? -1;
  if (badBias >= 0) throw new ReleaseError(`table: expected finite biases, found one in row ${badBias}`);
  if (values.subarray(0, dimensions).some((value) => value !== 0)) {
    throw new ReleaseError('table: expected row 0 to be padding, all zeros');
  }
}

/**
 * Opens a table file in place. `file` must start on a 4-byte boundary of its buffer.
 * @throws ReleaseError when the file has not the table's size
 */
export function viewTable(file: Uint8Array, table: Omit<Table, 'file'>): TableViews {
  const layout = tableLayout(table);
  if (file.byteLength !== layout.byteLength) {
    throw new ReleaseError(`table: expected ${layout.byteLength} bytes, found ${file.byteLength}`);
  }
  const { buffer, byteOffset } = file;
  const floats = ({ offset, bytes }: { offset: number; bytes: number }): Float32Array =>
    new Float32Array(buffer, byteOffset + offset, bytes / 4);
  return {
    values: new Int8Array(buffer, byteOffset + layout.values.offset, layout.values.bytes),
    scales: floats(layout.scales),
    bounds: floats(layout.bounds),
    ...(table.bias && { biases: floats(layout.biases) }),
  };
}

/** The float values that a table file stands for. */
export function dequantise({ table, file }: QuantisedTable): EmbeddingTable {
  const { rows, dimensions } = table;
  const views = viewTable(file, table);
  const values = new Float32Array(rows * dimensions);
  for (let row = 0, at = 0; row < rows; row++) {
    const scale = views.scales[row]!;
    for (const end = at + dimensions; at < end; at++) values[at] = views.values[at]! * scale;
  }
  return { rows, dimensions, values, ...(views.biases && { bias: views.biases.slice(0, rows) }) };
}
