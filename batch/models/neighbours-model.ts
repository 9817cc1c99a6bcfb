import { type Neighbours, scoreByNeighbours } from '../../shared/neighbours.ts';
import { topK } from '../../shared/ranking.ts';
import type { Model } from '../recommender.ts';
import { scoreEach } from './score-each.ts';

/** A model that is nothing but its neighbours table: what it scores is what is released, bit by bit. */
export const neighboursModel = (neighbours: Neighbours, fittedOptions: unknown): Model => ({
  fittedOptions,
  score: scoreEach((history) => scoreByNeighbours(neighbours, history)),
  export: async () => ({ kind: 'neighbours', ...neighbours }),
  [Symbol.dispose]() {},
});

/**
 * Keeps the `width` weights of largest magnitude in each item's row, those first. Weights of zero and an item's weight
 * to itself are not kept. Magnitude, since a strong "not with this" moves a ranking as much as a strong "with this".
 * @param visitRow calls `put` with the other items that an item has weights to; what it leaves out weighs nothing
 */
export function keepStrongest(
  rows: number,
  width: number,
  visitRow: (item: number, put: (other: number, weight: number) => void) => void,
): Neighbours {
  const items = new Uint32Array(rows * width);
  const weights = new Float32Array(rows * width);
  const row = new Float32Array(rows);
  // Between two rows all of it is −∞, which never ranks: a row costs what it holds and one quick scan.
  const magnitudes = new Float32Array(rows).fill(Number.NEGATIVE_INFINITY);
  const touched = new Int32Array(rows);
  let count = 0;
  for (let item = 1; item < rows; item++) {
    visitRow(item, (other, weight) => {
      if (other === item || weight === 0) return;
      row[other] = weight;
      magnitudes[other] = Math.abs(weight);
      touched[count++] = other;
    });
    const { indices } = topK(magnitudes, width);
    items.set(indices, item * width);
    for (const [place, other] of indices.entries()) weights[item * width + place] = row[other]!;
    while (count > 0) magnitudes[touched[--count]!] = Number.NEGATIVE_INFINITY;
  }
  return { rows, width, items, weights };
}

/** The strongest `width` neighbours of each item in such a table. */
export function narrow(neighbours: Neighbours, width: number): Neighbours {
  if (width >= neighbours.width) return neighbours;
  const { rows } = neighbours;
  const items = new Uint32Array(rows * width);
  const weights = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const from = row * neighbours.width;
    items.set(neighbours.items.subarray(from, from + width), row * width);
    weights.set(neighbours.weights.subarray(from, from + width), row * width);
  }
  return { rows, width, items, weights };
}
