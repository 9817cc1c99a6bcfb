import * as v from 'valibot';
import { FitError } from '../../shared/errors.ts';
import type { Neighbours } from '../../shared/neighbours.ts';
import { defineRecommender } from '../recommender.ts';
import { gramRows, interactionMatrix, type SparseMatrix } from '../training/sparse.ts';
import { choice, logInteger } from '../tune/dimensions.ts';
import { bestOf } from './best-of.ts';
import { keepStrongest, narrow, neighboursModel } from './neighbours-model.ts';

export const ItemKnnOptions = v.strictObject({
  /** Neighbours kept for each item. Left out, validation chooses. */
  neighbours: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  /** Added to the cosine's denominator: pairs that few users share count less. Left out, validation chooses. */
  shrinkage: v.optional(v.pipe(v.number(), v.minValue(0))),
});
export type ItemKnnOptions = v.InferOutput<typeof ItemKnnOptions>;

const widths = [20, 10, 50, 100] as const;
const shrinkages = [0, 10] as const;

/**
 * Item-based nearest neighbours (Sarwar et al. 2001) by the cosine of the items' columns of users,
 * Σ_u w_ui w_uj / (‖w_i‖ ‖w_j‖ + shrinkage), where w is the largest weight among a user's events on an item.
 */
export const itemKnn = defineRecommender({
  name: 'item-knn',
  baseline: true,
  options: ItemKnnOptions,
  search: { options: { neighbours: logInteger(5, 200), shrinkage: choice(0, 1, 3, 10, 30, 100) } },
  async fit(train, options, run) {
    const matrix = interactionMatrix(train);
    if (matrix.indices.length === 0)
      throw new FitError('item-knn: expected events with a weight, found none');
    const candidates = chosenOr(options.shrinkage, shrinkages).flatMap((shrinkage) =>
      chosenOr(options.neighbours, widths).map((neighbours) => ({ neighbours, shrinkage })),
    );
    const widest = Math.max(...candidates.map(({ neighbours }) => neighbours));
    const tables = new Map<number, Neighbours>();
    const [first, ...others] = candidates;
    return bestOf(
      [first!, ...others],
      (candidate, at) => {
        const { neighbours, shrinkage } = candidate;
        run.progress(
          `item-knn with ${neighbours} neighbours, shrinkage ${shrinkage}`,
          at / candidates.length,
        );
        const table = tables.get(shrinkage) ?? cosineNeighbours(matrix, widest, shrinkage);
        tables.set(shrinkage, table);
        return neighboursModel(narrow(table, neighbours), candidate);
      },
      run,
    );
  },
});

const chosenOr = <T>(chosen: T | undefined, all: readonly T[]): readonly T[] =>
  chosen === undefined ? all : [chosen];

function cosineNeighbours(matrix: SparseMatrix, neighbours: number, shrinkage: number): Neighbours {
  const norms = new Float64Array(matrix.columns);
  for (const [at, item] of matrix.indices.entries()) norms[item]! += matrix.values[at]! ** 2;
  for (let item = 0; item < norms.length; item++) norms[item] = Math.sqrt(norms[item]!);
  const overlapsOf = gramRows(matrix);
  const width = Math.min(neighbours, matrix.columns - 1);
  return keepStrongest(matrix.columns, width, (item, put) =>
    overlapsOf(item, (other, overlap) => put(other, overlap / (norms[item]! * norms[other]! + shrinkage))),
  );
}
