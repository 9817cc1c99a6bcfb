/**
 * Accuracy of one ranked list, as functions of where its relevant items stand: `ranks`, 1-based and ascending, of
 * the relevant items that were ranked at all; `relevant`, how many there are (≥ 1); `k`, the cut-off. All lie in
 * [0, 1] and gains are binary. Formulas and sources: docs/evaluation.md.
 */
type Metric = (ranks: readonly number[], relevant: number, k: number) => number;

const within = (ranks: readonly number[], k: number): number => {
  let hits = 0;
  while (hits < ranks.length && ranks[hits]! <= k) hits++;
  return hits;
};

/** Σ 1/log₂(rank + 1), the discounted gain of relevant items at these ranks, the first `hits` of them. */
function discountedGain(hits: number, rankOf: (hit: number) => number): number {
  let gain = 0;
  for (let hit = 0; hit < hits; hit++) gain += 1 / Math.log2(rankOf(hit) + 1);
  return gain;
}

/** Relevant items among the first k, of all relevant ones. A perfect ranking reaches min(k, relevant) / relevant. */
export const recall: Metric = (ranks, relevant, k) => within(ranks, k) / relevant;

/** Relevant items among the first k, of min(k, relevant): a perfect ranking reaches 1 (Liang et al. 2018). */
const truncatedRecall: Metric = (ranks, relevant, k) => within(ranks, k) / Math.min(k, relevant);

/** Discounted gain of the first k over that of a perfect ranking (Järvelin & Kekäläinen 2002). */
export const ndcg: Metric = (ranks, relevant, k) =>
  discountedGain(within(ranks, k), (hit) => ranks[hit]!) /
  discountedGain(Math.min(k, relevant), (hit) => hit + 1);

/** 1 when any relevant item is among the first k. */
export const hit: Metric = (ranks, _relevant, k) => (within(ranks, k) > 0 ? 1 : 0);

/** 1 / rank of the first relevant item, 0 when that is beyond k. */
export const mrr: Metric = (ranks, _relevant, k) => (within(ranks, k) > 0 ? 1 / ranks[0]! : 0);

/** Average precision: the mean, over min(k, relevant) relevant items, of the precision at each one's rank. */
export const map: Metric = (ranks, relevant, k) => {
  const hits = within(ranks, k);
  let sum = 0;
  for (let n = 1; n <= hits; n++) sum += n / ranks[n - 1]!;
  return sum / Math.min(k, relevant);
};

/** Ranks of the relevant items of `ranked` (best first), 1-based and ascending. */
export function relevantRanks(ranked: ArrayLike<number>, targets: ReadonlySet<number>): number[] {
  const ranks: number[] = [];
  for (let at = 0; at < ranked.length && ranks.length < targets.size; at++) {
    if (targets.has(ranked[at]!)) ranks.push(at + 1);
  }
  return ranks;
}

const metrics = { recall, ndcg, hit, mrr, map } as const;
export const metricNames = Object.keys(metrics) as readonly (keyof typeof metrics)[];

/** A metric at its cut-off, as a key such as `ndcg@10` names it. */
export interface MetricAt {
  readonly key: string;
  readonly k: number;
  of(ranks: readonly number[], relevant: number): number;
}

/** `key` is `<metric>@<k>`, as EvaluationConfig has checked. */
export function metricAt(key: string, recallDenominator: 'relevant' | 'truncated'): MetricAt {
  const [name, cutOff] = key.split('@') as [keyof typeof metrics, string];
  const k = Number(cutOff);
  const metric = name === 'recall' && recallDenominator === 'truncated' ? truncatedRecall : metrics[name];
  return { key, k, of: (ranks, relevant) => metric(ranks, relevant, k) };
}
