import { type Carrier, carriers } from '../../shared/evidence.ts';
import type { History } from '../../shared/history.ts';
import { openArtifact } from '../export/artifact-scorer.ts';
import { publishable } from '../export/publishable.ts';
import { spread } from '../export/spread.ts';
import type { Artifact } from '../recommender.ts';
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

/** What is explained: an artifact, as it is released, and what its test showed. */
export interface Explainable {
  readonly artifact: Artifact;
  readonly examples: readonly Example[];
  readonly test: Pick<EvaluationSet, 'queries' | 'excludeHistory'>;
  /** Rows of the catalogue. */
  readonly rows: number;
  readonly seed: number;
  /** Items of a history that may be left out in turn. */
  readonly examine: number;
}

/** Explains the examples of a test and measures on some of its histories whether such reasons are true. */
export async function explainArtifact(explainable: Explainable): Promise<Explanations> {
  const { artifact, examples, rows, seed, examine } = explainable;
  const { queries, excludeHistory } = explainable.test;
  await using scorer = await openArtifact(publishable(artifact).artifact, new Float32Array(rows));
  const found = new Map<number, Carrier[][]>();
  for (const { query, ranked } of examples) {
    const evidence = await scorer.explain(queries[query]!.history, Int32Array.from(ranked), examine);
    if (evidence !== undefined)
      found.set(
        query,
        ranked.map((_, place) => carriers(evidence, place)),
      );
  }
  const count = Math.min(mostHistories, Math.floor(scoredItems / rows));
  if (found.size === 0 || count < fewestHistories) return { examples: found };
  const histories = spread(
    queries.map(({ history }) => history),
    count,
  );
  const options = { removed: reasonsRemoved, excludeHistory, seed };
  const explained = {
    ...scorer,
    explain: (history: History, items: Int32Array) => scorer.explain(history, items, examine),
  };
  const measured = await faithfulness(explained, histories, options);
  return { examples: found, ...(measured.queries >= fewestHistories && { faithfulness: measured }) };
}
