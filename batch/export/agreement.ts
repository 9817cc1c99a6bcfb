import { ReleaseError } from '../../shared/errors.ts';
import type { History } from '../../shared/history.ts';
import type { Artifact, Model } from '../recommender.ts';
import { openArtifact } from './artifact-scorer.ts';
import { spread } from './spread.ts';

/**
 * Largest difference between a model's score and its artifact's, as a share of the query's largest score: float32 sums of
 * a few hundred terms in another order, and another library's exp, stay two digits below it.
 */
export const agreementTolerance = 1e-3;

/** Histories on which the two are compared. */
const agreementHistories = 64;

/**
 * Checks, for every item, that an artifact scores as the model that exported it, on some of the histories.
 * @throws ReleaseError naming the history and the item where they part
 */
export async function assertAgreement(
  score: Model['score'],
  artifact: Artifact,
  popularity: Float32Array,
  histories: readonly History[],
): Promise<void> {
  await using scorer = await openArtifact(artifact, popularity);
  for (const [i, history] of spread(histories, agreementHistories).entries()) {
    const [expected] = await score([{ history }]);
    const found = await scorer.score(history);
    if (expected?.length !== found.length) {
      throw new ReleaseError(
        `export: the model scores ${expected?.length} items, its artifact ${found.length}`,
      );
    }
    const tolerance = agreementTolerance * largestMagnitude(expected);
    for (let item = 1; item < expected.length; item++) {
      if (agree(expected[item]!, found[item]!, tolerance)) continue;
      throw new ReleaseError(
        `export: for history ${i} (${history.items.length} events) the model scores item ${item} ${expected[item]}, its artifact ` +
          `${found[item]}; expected a difference of at most ${tolerance.toPrecision(3)}`,
      );
    }
  }
}

const agree = (a: number, b: number, tolerance: number): boolean =>
  Number.isFinite(a) ? Math.abs(a - b) <= tolerance : !Number.isFinite(b);

function largestMagnitude(scores: Float32Array): number {
  let largest = 0;
  for (let item = 1; item < scores.length; item++) {
    const magnitude = Math.abs(scores[item]!);
    if (magnitude > largest && Number.isFinite(magnitude)) largest = magnitude;
  }
  return largest;
}
