import * as v from 'valibot';
import type { Dataset } from './dataset.ts';
import { graded } from './quality/checks.ts';
import { itemCounts } from './quality/item-checks.ts';
import type { QualityCheck } from './quality.ts';

/** How the events of a dataset are spread over its items; small enough to keep with a release. */
export const PopularitySummary = v.strictObject({
  /** Share of all events of each of the most popular items. */
  shares: v.record(v.string(), v.number()),
  /** Share of all the others together. */
  rest: v.number(),
});
export type PopularitySummary = v.InferOutput<typeof PopularitySummary>;

const keptItems = 2_000;

/** The shares of the 2,000 most popular items, to six digits: at most some 60 KB of JSON. */
export function popularityOf(dataset: Dataset): PopularitySummary {
  const counts = itemCounts(dataset);
  const total = dataset.items.length;
  const top = Array.from(counts.keys())
    .filter((index) => counts[index]! > 0)
    .sort((a, b) => counts[b]! - counts[a]! || a - b)
    .slice(0, keptItems);
  const shares = Object.fromEntries(
    top.map((index) => [dataset.itemIds[index]!, Number((counts[index]! / total).toPrecision(6))]),
  );
  const kept = top.reduce((sum, index) => sum + counts[index]!, 0);
  return { shares, rest: total === 0 ? 0 : (total - kept) / total };
}

/**
 * Jensen–Shannon distance of two popularities, 0 (the same) … 1 (nothing in common): the square root of their
 * divergence to base 2 (Lin 1991). An item that one side does not name counts as absent there.
 */
export function drift(a: PopularitySummary, b: PopularitySummary): number {
  let divergence = 0;
  const add = (p: number, q: number): void => {
    const mean = (p + q) / 2;
    if (p > 0) divergence += (p / 2) * Math.log2(p / mean);
    if (q > 0) divergence += (q / 2) * Math.log2(q / mean);
  };
  for (const itemId of new Set([...Object.keys(a.shares), ...Object.keys(b.shares)])) {
    add(a.shares[itemId] ?? 0, b.shares[itemId] ?? 0);
  }
  add(a.rest, b.rest);
  return Math.sqrt(Math.min(1, Math.max(0, divergence)));
}

/** Holds a dataset's popularity against that of the release now serving. */
export function driftCheck(
  now: PopularitySummary,
  previous: PopularitySummary,
  threshold: number,
): QualityCheck {
  const value = drift(now, previous);
  const fallen = Object.keys(previous.shares)
    .concat(Object.keys(now.shares))
    .map((itemId) => ({ itemId, before: previous.shares[itemId] ?? 0, now: now.shares[itemId] ?? 0 }))
    .sort((x, y) => Math.abs(y.now - y.before) - Math.abs(x.now - x.before));
  const samples = [...new Map(fallen.map((item) => [item.itemId, item])).values()].slice(0, 5);
  return graded(
    'drift',
    { value, threshold, warnAbove: threshold / 2 },
    `the Jensen–Shannon distance of item popularity to the release now serving is ${value.toFixed(3)}`,
    samples,
  );
}
