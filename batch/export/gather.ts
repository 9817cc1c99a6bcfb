import type { EmbeddingTable } from '../recommender.ts';

/** The listed rows of a table: float32 [rows.length, dimensions]. */
export function gather(
  { values, dimensions }: Pick<EmbeddingTable, 'values' | 'dimensions'>,
  rows: Int32Array,
): Float32Array {
  const out = new Float32Array(rows.length * dimensions);
  for (const [i, row] of rows.entries()) {
    out.set(values.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions);
  }
  return out;
}
