import * as v from 'valibot';
import { FitError } from '../../shared/errors.ts';
import { defineRecommender, type Model } from '../recommender.ts';
import { gramRows, interactionMatrix, type SparseMatrix } from '../training/sparse.ts';
import { invertPositiveDefinite } from '../training/symmetric-inverse.ts';
import { logUniform } from '../tune/dimensions.ts';
import { bestOf } from './best-of.ts';
import { keepStrongest, neighboursModel } from './neighbours-model.ts';

const Count = v.pipe(v.number(), v.integer(), v.minValue(1));

export const EaseOptions = v.strictObject({
  /** L2 regularisation λ. Left out, validation chooses. */
  regularisation: v.optional(v.pipe(v.number(), v.gtValue(0))),
  /** Weights kept for each item of a history: the release holds these, and these are what is evaluated. */
  neighbours: v.optional(Count, 200),
  /** Fitting costs n³ operations and 4 n² bytes for n items; catalogues above this are refused. */
  maximumItems: v.optional(Count, 12_500),
});
export type EaseOptions = v.InferOutput<typeof EaseOptions>;

const regularisations = [300, 100, 1_000] as const;
/** Above this an inverse takes tens of seconds, and one must do. */
const itemsToChooseBelow = 6_000;

/**
 * EASE (Steck 2019): B = I − P · diag(P)⁻¹ with P = (XᵀX + λI)⁻¹, the closed form of ridge regression of every item on
 * all the others. Items without events take no part.
 */
export const ease = defineRecommender({
  name: 'ease',
  baseline: true,
  options: EaseOptions,
  search: { options: { regularisation: logUniform(10, 3_000) } },
  async fit(train, options, run) {
    const matrix = interactionMatrix(train);
    const items = [...new Set(matrix.indices)].sort((a, b) => a - b);
    if (items.length < 2) {
      throw new FitError(`ease: expected events on at least 2 items, found ${items.length}`);
    }
    if (items.length > options.maximumItems) {
      throw new FitError(
        `ease: expected at most ${options.maximumItems} items (option maximumItems), found ${items.length}: ` +
          `the matrix would take ${Math.ceil((4 * items.length ** 2) / 2 ** 20)} MiB and its inverse time ∝ items³`,
      );
    }
    const tried = items.length > itemsToChooseBelow ? regularisations.slice(0, 1) : regularisations;
    const candidates = options.regularisation === undefined ? tried : [options.regularisation];
    const [first, ...others] = candidates;
    return bestOf(
      [first!, ...others],
      (regularisation, at) =>
        fitOne(matrix, Int32Array.from(items), { ...options, regularisation }, (fraction) => {
          run.signal.throwIfAborted();
          run.progress(`ease with λ = ${regularisation}`, (at + fraction) / candidates.length);
        }),
      run,
    );
  },
});

async function fitOne(
  matrix: SparseMatrix,
  items: Int32Array,
  options: EaseOptions & { readonly regularisation: number },
  progress: (fraction: number) => void,
): Promise<Model> {
  const size = items.length;
  const inverse = new Float32Array(size * size);
  const place = new Int32Array(matrix.columns).fill(-1);
  for (const [i, item] of items.entries()) place[item] = i;
  const gramRow = gramRows(matrix);
  for (let i = 0; i < size; i++) {
    gramRow(items[i]!, (other, sum) => {
      inverse[i * size + place[other]!] = sum;
    });
    inverse[i * size + i]! += options.regularisation;
  }
  await invertPositiveDefinite(inverse, size, { progress });
  const neighbours = keepStrongest(matrix.columns, Math.min(options.neighbours, size - 1), (item, put) => {
    const i = place[item]!;
    if (i < 0) return;
    for (let j = 0; j < size; j++) put(items[j]!, -inverse[i * size + j]! / inverse[j * size + j]!);
  });
  return neighboursModel(neighbours, options);
}
