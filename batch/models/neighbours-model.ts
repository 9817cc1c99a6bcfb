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
 * @param fillRow fills `row` [rows] with the weights from an item to every other
 */
export function keepStrongest(
  rows: number,
  width: number,
  fillRow: (item: number, row: Float32Array) => void,
): Neighbours {
  const items = new Uint32Array(rows * width);
  const weights = new Float32Array(rows * width);
  const row = new Float32Array(rows);
  const magnitudes = new Float32Array(rows);
  for (let item = 1; item < rows; item++) {
    row.fill(0);
    fillRow(item, row);
    for (let other = 0; other < rows; other++) {
      const weight = row[other]!;
      magnitudes[other] = weight === 0 ? Number.NEGATIVE_INFINITY : Math.abs(weight);
    }
    magnitudes[item] = Number.NEGATIVE_INFINITY;
    const { indices } = topK(magnitudes, width);
    items.set(indices, item * width);
    for (const [place, other] of indices.entries()) weights[item * width + place] = row[other]!;
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
