import { contextNumbers } from '../../shared/features.ts';
import type { History } from '../../shared/history.ts';
import type { RankerArtifact } from '../recommender.ts';
import type { RankerScorer } from './ranker-scorer.ts';

/** A ranker, and the context features that it knows. */
export interface OpenRanker {
  readonly scorer: RankerScorer;
  readonly context: RankerArtifact['context'];
}

/**
 * A request's context for whatever is proven without real ones: over many numbers each feature takes each of its values,
 * and is at times left out.
 */
export function exampleContext(
  features: RankerArtifact['context'],
  number: number,
): Readonly<Record<string, string>> {
  const chosen = features.map(({ name, values }, feature): [string, string | undefined] => [
    name,
    values[(number + 3 * feature) % (values.length + 1)],
  ]);
  return Object.fromEntries(chosen.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** What the ranker answers for these candidates in the example context of that number. */
export async function probabilitiesFor(
  { scorer, context: features }: OpenRanker,
  number: number,
  history: History,
  candidates: Int32Array,
): Promise<{ readonly context: Readonly<Record<string, string>>; readonly probabilities: Float32Array }> {
  const context = exampleContext(features, number);
  const numbers = contextNumbers(features, context);
  const probabilities =
    candidates.length === 0
      ? new Float32Array(0)
      : await scorer.probabilities({ history, candidates, context: numbers });
  return { context, probabilities };
}
