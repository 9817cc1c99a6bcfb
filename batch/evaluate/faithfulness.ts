import { carriers, type Evidence } from '../../shared/evidence.ts';
import { differentItems, type History, without } from '../../shared/history.ts';
import { topK } from '../../shared/ranking.ts';
import type { Estimate } from '../../shared/release.ts';
import { seededRandom } from '../training/random.ts';
import { bootstrapMeans, estimate, quantile } from './bootstrap.ts';

/** What is asked about: a model, or a release of it. */
export interface Explained {
  score(history: History): Promise<Float32Array>;
  explain(history: History, items: Int32Array): Promise<Evidence | undefined>;
}

export interface FaithfulnessOptions {
  /** How many items are taken out of the history together. */
  readonly removed: number;
  /** First items of each ranking that are asked about. */
  readonly places?: number;
  /** Random removals for each query, besides the named ones. */
  readonly draws?: number;
  readonly excludeHistory: boolean;
  readonly seed: number;
  readonly samples?: number;
}

/**
 * Whether an explanation names what the model used (comprehensiveness; DeYoung et al. 2020): what happens to a recommended
 * item when the items that were named are taken out of the history, beside as many items drawn by chance.
 */
export interface Faithfulness {
  readonly removed: number;
  readonly queries: number;
  /** Fall of the recommended item's score, in standard deviations of the query's scores. */
  readonly named: Estimate;
  readonly random: Estimate;
  /** `named` / `random`; infinite where random removals do not lower scores. */
  readonly factor: Estimate;
  /** Share of recommended items that leave the first ten. */
  readonly namedLeaves: number;
  readonly randomLeaves: number;
}

const firstPlaces = 10;

/** What one query's removals did, summed over its recommended items. */
interface Falls {
  fall: number;
  leaves: number;
  count: number;
}

/**
 * Takes away whatever the history holds of the removed items, older events than the model reads included, and scores what is
 * left. Histories with at most `removed` + 2 different items are passed over: hardly anything would be left to tell from chance.
 */
export async function faithfulness(
  explained: Explained,
  histories: readonly History[],
  options: FaithfulnessOptions,
): Promise<Faithfulness> {
  const { removed, samples = 1_000, seed } = options;
  const random = seededRandom(seed);
  const rows: { readonly named: Falls; readonly random: Falls }[] = [];
  for (const history of histories) {
    if (differentItems(history).length <= removed + 2) continue;
    const row = await measure(explained, history, options, random);
    if (row.named.count > 0) rows.push(row);
  }
  const mean = (of: (row: (typeof rows)[number]) => number) => Float32Array.from(rows, of);
  const columns = [
    mean(({ named }) => named.fall / named.count),
    mean((row) => row.random.fall / row.random.count),
  ] as const;
  const [namedMeans, randomMeans] = bootstrapMeans(columns, samples, seed);
  const named = estimate(columns[0], namedMeans!);
  const byChance = estimate(columns[1], randomMeans!);
  const share = (falls: (row: (typeof rows)[number]) => Falls): number =>
    rows.reduce((sum, row) => sum + falls(row).leaves, 0) /
    rows.reduce((sum, row) => sum + falls(row).count, 0);
  return {
    removed,
    queries: rows.length,
    named,
    random: byChance,
    factor: factorOf(named.value, byChance.value, namedMeans!, randomMeans!),
    namedLeaves: share((row) => row.named),
    randomLeaves: share((row) => row.random),
  };
}

function factorOf(
  named: number,
  random: number,
  namedMeans: Float64Array,
  randomMeans: Float64Array,
): Estimate {
  const ratio = (a: number, b: number): number => (b > 0 ? a / b : Number.POSITIVE_INFINITY);
  const sorted = namedMeans.map((value, sample) => ratio(value, randomMeans[sample]!)).sort();
  const value = ratio(named, random);
  return { value, lower: quantile(sorted, 0.025) ?? value, upper: quantile(sorted, 0.975) ?? value };
}

async function measure(
  { score, explain }: Explained,
  history: History,
  { removed, places = 5, draws = 5, excludeHistory }: FaithfulnessOptions,
  random: () => number,
): Promise<{ readonly named: Falls; readonly random: Falls }> {
  const scores = await score(history);
  const different = differentItems(history);
  const seen = new Set(excludeHistory ? different : []);
  const ranked = topK(scores, places, (item) => seen.has(item)).indices;
  const deviation = deviationOf(scores);
  const named: Falls = { fall: 0, leaves: 0, count: 0 };
  const byChance: Falls = { fall: 0, leaves: 0, count: 0 };
  const note = async (falls: Falls, left: ReadonlySet<number>, items: Iterable<number>): Promise<void> => {
    const others = await score(without(history, left));
    const first = topK(others, firstPlaces, (item) => seen.has(item));
    for (const item of items) {
      falls.fall += (orZero(scores[item]!) - orZero(others[item]!)) / deviation;
      falls.leaves += first.indices.includes(item) ? 0 : 1;
      falls.count += 1;
    }
  };
  const evidence = await explain(history, ranked);
  const asked: number[] = [];
  for (const [place, item] of ranked.entries()) {
    const carrying = evidence === undefined ? [] : carriers(evidence, place, removed);
    if (carrying.length < removed) continue;
    asked.push(item);
    await note(named, new Set(carrying.map((carrier) => carrier.item)), [item]);
  }
  for (let draw = 0; draw < draws && asked.length > 0; draw++)
    await note(byChance, drawn(different, removed, random), asked);
  return { named, random: byChance };
}

/** An item that nothing speaks for any more does not rank; a sum without terms is 0. */
const orZero = (score: number): number => (score === Number.NEGATIVE_INFINITY ? 0 : score);

function deviationOf(scores: Float32Array): number {
  const finite = scores.subarray(1).filter(Number.isFinite);
  const mean = finite.reduce((sum, score) => sum + score, 0) / finite.length;
  return Math.sqrt(finite.reduce((sum, score) => sum + (score - mean) ** 2, 0) / finite.length);
}

function drawn(items: Int32Array, count: number, random: () => number): Set<number> {
  const set = new Set<number>();
  while (set.size < count) set.add(items[Math.floor(random() * items.length)]!);
  return set;
}
