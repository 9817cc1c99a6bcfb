import { type Carrier, carriers } from '../../shared/evidence.ts';
import { openArtifact } from '../export/artifact-scorer.ts';
import type { Release } from '../export/export-release.ts';
import { releasedModel } from '../export/released-artifact.ts';
import { spread } from '../export/spread.ts';
import type { Example } from './evaluation.ts';
import { type Faithfulness, faithfulness } from './faithfulness.ts';
import type { EvaluationSet } from './protocol.ts';

/** Why a release recommends what it does, as the edge will say. */
export interface Explanations {
  /** By an example's query: [recommended items] what carried each. Empty for a release that reads no history. */
  readonly examples: ReadonlyMap<number, readonly (readonly Carrier[])[]>;
  /** Whether reasons name what the model used; absent where that takes too long or nothing has reasons. */
  readonly faithfulness?: Faithfulness;
}

const reasonsRemoved = 3;
const mostHistories = 60;
const fewestHistories = 10;
/** Items that are scored for it, per removal: some seconds. */
const scoredItems = 4e6;

/** Explains the examples of a test and measures on some of its histories whether such reasons are true. */
export async function explainRelease(
  { manifest, files }: Release,
  examples: readonly Example[],
  { queries, excludeHistory }: EvaluationSet,
): Promise<Explanations> {
  const { artifact, popularity } = releasedModel(manifest, files);
  await using scorer = await openArtifact(artifact, popularity);
  const found = new Map<number, Carrier[][]>();
  for (const { query, ranked } of examples) {
    const evidence = await scorer.explain(queries[query]!.history, Int32Array.from(ranked));
    if (evidence !== undefined)
      found.set(
        query,
        ranked.map((_, place) => carriers(evidence, place)),
      );
  }
  const count = Math.min(mostHistories, Math.floor(scoredItems / popularity.length));
  if (found.size === 0 || count < fewestHistories) return { examples: found };
  const histories = spread(
    queries.map(({ history }) => history),
    count,
  );
  const options = { removed: reasonsRemoved, excludeHistory, seed: manifest.seed };
  const measured = await faithfulness(scorer, histories, options);
  return { examples: found, ...(measured.queries >= fewestHistories && { faithfulness: measured }) };
}
