import * as v from 'valibot';
import { FitError } from '../../shared/errors.ts';
import type { Neighbours } from '../../shared/neighbours.ts';
import { defineRecommender } from '../recommender.ts';
import {
  columnSums,
  damping,
  gramRows,
  interactionMatrix,
  rowSums,
  type SparseMatrix,
  scale,
} from '../training/sparse.ts';
import { bestOf } from './best-of.ts';
import { keepStrongest, neighboursModel } from './neighbours-model.ts';

const Power = v.pipe(v.number(), v.minValue(0), v.maxValue(2));

export const GraphFilterOptions = v.strictObject({
  /** How far users with many items are damped: 0 not at all, 1 to the same say for each. */
  userPower: v.optional(Power, 0.75),
  /** How far popular items of a history are damped. */
  historyPower: v.optional(Power, 0.5),
  /** How far popular candidates are damped. Left out, validation chooses. */
  candidatePower: v.optional(Power),
  /** Weights kept for each item of a history: the release holds these, and these are what is evaluated. */
  neighbours: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 200),
});
export type GraphFilterOptions = v.InferOutput<typeof GraphFilterOptions>;
/** With what validation decides filled in. */
type Chosen = GraphFilterOptions & { readonly candidatePower: number };

const candidatePowers = [0.3, 0.2, 0.4, 0.5] as const;

/**
 * A linear low-pass filter on the graph of users and items (GF-CF, Shen et al. 2021, where all powers are ½ or 1 and a
 * low-rank part is added): an item of a history passes on its row of D_i^−h · Xᵀ · D_u^−u · X · D_i^−c, where X is the
 * user × item matrix and D_u and D_i hold the users' and the items' degrees. Nothing is trained, and nothing grows with
 * items².
 */
export const graphFilter = defineRecommender({
  name: 'graph-filter',
  baseline: false,
  options: GraphFilterOptions,
  async fit(train, options, run) {
    const matrix = interactionMatrix(train);
    if (matrix.indices.length === 0)
      throw new FitError('graph-filter: expected events with a weight, found none');
    const powers = options.candidatePower === undefined ? candidatePowers : [options.candidatePower];
    const [first, ...others] = powers.map((candidatePower): Chosen => ({ ...options, candidatePower }));
    return bestOf(
      [first!, ...others],
      (chosen, at) => {
        run.progress(`graph-filter with candidate power ${chosen.candidatePower}`, at / powers.length);
        return neighboursModel(filterOf(matrix, chosen), chosen);
      },
      run,
    );
  },
});

function filterOf(matrix: SparseMatrix, options: Chosen): Neighbours {
  const users = damping(rowSums(matrix), options.userPower / 2);
  const byHistory = damping(columnSums(matrix), options.historyPower);
  const byCandidate = damping(columnSums(matrix), options.candidatePower);
  const overlapsOf = gramRows(scale(matrix, users, new Float64Array(matrix.columns).fill(1)));
  const width = Math.min(options.neighbours, matrix.columns - 1);
  return keepStrongest(matrix.columns, width, (item, put) =>
    overlapsOf(item, (other, overlap) => put(other, overlap * byHistory[item]! * byCandidate[other]!)),
  );
}
