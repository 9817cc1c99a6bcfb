import type { EmbeddingTable } from '../recommender.ts';
import type { ReleaseInput } from './export-release.ts';

/**
 * The same release with its items numbered by the norm of the vectors that are scanned, largest first, then as they were. Blocks of
 * rows are then alike, and the edge's scan skips those whose bound lies below what it has found. Without such vectors nothing
 * changes.
 */
export function numberByNorm(input: ReleaseInput): ReleaseInput {
  const { artifact, ranker, dataset, popularity, histories } = input;
  if (artifact.kind !== 'embedding') return input;
  const order = rowsByNorm(artifact.items);
  const places = new Int32Array(order.length);
  for (const [place, row] of order.entries()) places[row] = place;
  const pick = <T>(values: readonly T[]): T[] => Array.from(order, (row) => values[row]!);
  const renumbered = (items: Int32Array): Int32Array => items.map((item) => places[item]!);
  return {
    ...input,
    artifact: {
      ...artifact,
      items: reordered(artifact.items, order),
      ...(artifact.history && { history: reordered(artifact.history, order) }),
    },
    ranker: ranker && {
      ...ranker,
      artifact: { ...ranker.artifact, items: reordered(ranker.artifact.items, order) },
    },
    dataset: {
      ...dataset,
      itemIds: pick(dataset.itemIds),
      attributes: pick(dataset.attributes),
      ...(dataset.features && { features: pick(dataset.features) }),
      items: renumbered(dataset.items),
    },
    popularity: popularity.map((_, place) => popularity[order[place]!]!),
    histories: histories.map((history) => ({ ...history, items: renumbered(history.items) })),
  };
}

/** Row 0 is padding and stays. */
function rowsByNorm({ rows, dimensions, values }: EmbeddingTable): Int32Array {
  const squares = Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let at = row * dimensions; at < (row + 1) * dimensions; at++) sum += values[at]! ** 2;
    return sum;
  });
  squares[0] = Number.POSITIVE_INFINITY;
  return Int32Array.from({ length: rows }, (_, row) => row).sort(
    (a, b) => squares[b]! - squares[a]! || a - b,
  );
}

function reordered(table: EmbeddingTable, order: Int32Array): EmbeddingTable {
  const { dimensions, values, bias } = table;
  const moved = new Float32Array(values.length);
  for (const [place, row] of order.entries())
    moved.set(values.subarray(row * dimensions, (row + 1) * dimensions), place * dimensions);
  return { ...table, values: moved, ...(bias && { bias: bias.map((_, place) => bias[order[place]!]!) }) };
}
