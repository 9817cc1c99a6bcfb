import { ReleaseError } from '../../shared/errors.ts';
import { openRanker } from '../export/ranker-scorer.ts';
import { spread } from '../export/spread.ts';
import type { RankerArtifact } from '../recommender.ts';
import type { RankingRows, ScoreRows } from './ranker.ts';

/** Largest difference of a probability between a ranker and its artifact. */
const tolerance = 1e-3;
/** Users, and items for each of them, on which the two are compared; one more is somebody of whom nothing is known. */
const comparedUsers = 32;
const comparedItems = 20;

/**
 * Checks that an artifact gives the probabilities of the ranker that exported it, on some of the rows and for an empty history.
 * @throws ReleaseError naming the user and the item where they part
 */
export async function assertRankerAgreement(
  score: ScoreRows,
  artifact: RankerArtifact,
  rows: RankingRows,
): Promise<void> {
  await using scorer = await openRanker(artifact);
  const asked = [...new Set(rows.users)].map((user) => rows.histories[user]!);
  const nobody = { items: new Int32Array(0), times: new Float64Array(0), weights: new Float32Array(0) };
  for (const history of [nobody, ...spread(asked, comparedUsers)]) {
    const from = Math.max(0, rows.users.indexOf(rows.histories.indexOf(history)));
    const candidates = rows.items.slice(from, from + comparedItems);
    // The artifact is asked in one context, so the ranker is too.
    const context = Int32Array.from(rows.context, (column) => column[from]!);
    const expected = await score({
      histories: [history],
      users: new Int32Array(candidates.length),
      items: candidates,
      context: Array.from(context, (number) => new Int32Array(candidates.length).fill(number)),
    });
    const found = await scorer.probabilities({ history, candidates, context });
    for (const [i, item] of candidates.entries()) {
      if (Math.abs(expected[i]! - found[i]!) <= tolerance) continue;
      throw new ReleaseError(
        `export: with a history of ${history.items.length} events the ranker gives item ${item} ${expected[i]}, its artifact ` +
          `${found[i]}; expected a difference of at most ${tolerance}`,
      );
    }
  }
}
