import type { Dataset } from '../data/dataset.ts';
import { bootstrapMeans, estimate } from './bootstrap.ts';
import type { SliceGroup } from './evaluation.ts';
import { byPopularity } from './exposure.ts';
import { type MetricAt, relevantRanks } from './metrics.ts';
import type { EvaluationSet } from './protocol.ts';
import { type Rankings, rankingOf } from './rank.ts';

/** A way to part (query, target) pairs into slices. */
interface Slicing {
  readonly by: string;
  readonly slices: readonly { readonly label: string; has(query: number, target: number): boolean }[];
}

/**
 * One metric within each slice of each slicing. Rankings stay those of the whole catalogue; a query counts in a slice
 * where it has targets, with those as its relevant items.
 */
export function sliceMetric(
  metric: MetricAt,
  rankings: Rankings,
  set: EvaluationSet,
  slicings: readonly Slicing[],
  bootstrap: { readonly samples: number; readonly seed: number },
): SliceGroup[] {
  return slicings.map(({ by, slices }) => ({
    by,
    slices: slices.flatMap(({ label, has }) => {
      const values: number[] = [];
      for (const [query, all] of set.targets.entries()) {
        const targets = all.filter((item) => has(query, item));
        if (targets.length === 0) continue;
        values.push(metric.of(relevantRanks(rankingOf(rankings, query), new Set(targets)), targets.length));
      }
      if (values.length === 0) return [];
      const column = Float32Array.from(values);
      const [means] = bootstrapMeans([column], bootstrap.samples, bootstrap.seed);
      return [{ label, queries: values.length, estimate: estimate(column, means!) }];
    }),
  }));
}

/** By length of the history, popularity of the target and, where asked for, an attribute of the target. */
export function slicingsOf(
  set: EvaluationSet,
  train: Dataset,
  users: Uint32Array,
  attribute: 'categories' | 'price' | undefined,
): Slicing[] {
  const slicings = [byHistoryLength(set), byItemPopularity(users)];
  if (attribute === 'price') slicings.push(byPrice(set, train));
  if (attribute === 'categories') slicings.push(byCategory(set, train));
  return slicings;
}

/** Quartiles; queries without any history are a slice of their own. */
function byHistoryLength(set: EvaluationSet): Slicing {
  const lengths = set.queries.map(({ history }) => history.items.length);
  const some = quantileBands(
    lengths.filter((length) => length > 0),
    4,
  );
  const bands = lengths.includes(0) ? [{ from: 0, to: 0 }, ...some] : some;
  return {
    by: 'Events in the history',
    slices: bands.map((band) => ({ label: labelOf(band), has: (query) => isIn(band, lengths[query]!) })),
  };
}

/** Head, middle and tail: the most popular items that hold a third of all user–item pairs, the next third, the rest. */
function byItemPopularity(users: Uint32Array): Slicing {
  const total = users.reduce((sum, count) => sum + count, 0);
  const third = new Uint8Array(users.length);
  const sizes = [0, 0, 0];
  let before = 0;
  for (const item of byPopularity(users)) {
    third[item] = Math.min(2, Math.floor((3 * before) / Math.max(1, total)));
    sizes[third[item]]!++;
    before += users[item]!;
  }
  return {
    by: 'Popularity of the item',
    slices: ['head', 'middle', 'tail'].map((name, at) => ({
      label: `${name} (${sizes[at]!.toLocaleString('en-GB')} ${sizes[at] === 1 ? 'item' : 'items'})`,
      has: (_query, item) => third[item] === at,
    })),
  };
}

/** Quartiles of the targets' prices. */
function byPrice(set: EvaluationSet, train: Dataset): Slicing {
  const priceOf = (item: number): number | undefined => train.attributes[item]?.price;
  const prices = set.targets
    .flatMap((items) => [...items].map(priceOf))
    .filter((price) => price !== undefined);
  const bands = quantileBands(prices, 4).map((band) => ({
    label: labelOf(band),
    has: (_query: number, item: number) => isIn(band, priceOf(item)),
  }));
  const unknown = { label: 'unknown', has: (_query: number, item: number) => priceOf(item) === undefined };
  return { by: 'Price of the item', slices: [...bands, unknown] };
}

const categoriesShown = 6;

/** The categories that most targets have; an item with several counts in each of them. */
function byCategory(set: EvaluationSet, train: Dataset): Slicing {
  const categoriesOf = (item: number): readonly string[] => train.attributes[item]?.categories ?? [];
  const counts = new Map<string, number>();
  for (const items of set.targets) {
    for (const item of items) {
      for (const category of categoriesOf(item)) counts.set(category, (counts.get(category) ?? 0) + 1);
    }
  }
  const shown = [...counts]
    .sort(([a, timesA], [b, timesB]) => timesB - timesA || (a < b ? -1 : 1))
    .slice(0, categoriesShown)
    .map(([category]) => category);
  const slices = shown.map((category) => ({
    label: category,
    has: (_query: number, item: number) => categoriesOf(item).includes(category),
  }));
  const others = {
    label: 'others',
    has: (_query: number, item: number) => !categoriesOf(item).some((category) => shown.includes(category)),
  };
  return { by: 'Category of the item', slices: [...slices, others] };
}

interface Band {
  readonly from: number;
  readonly to: number;
}

const isIn = (band: Band, value: number | undefined): boolean =>
  value !== undefined && value >= band.from && value <= band.to;

const written = (value: number): string => value.toLocaleString('en-GB', { maximumFractionDigits: 2 });

const labelOf = ({ from, to }: Band): string =>
  written(from) === written(to) ? written(from) : `${written(from)}–${written(to)}`;

/** At most `count` bands that hold about equally many of the values; equal values share a band. */
function quantileBands(values: readonly number[], count: number): Band[] {
  const sorted = Float64Array.from(values).sort();
  const bands: Band[] = [];
  let start = 0;
  for (let band = 1; band <= count; band++) {
    let end = Math.round((sorted.length * band) / count);
    if (end <= start) continue;
    while (end < sorted.length && sorted[end] === sorted[end - 1]) end++;
    bands.push({ from: sorted[start]!, to: sorted[end - 1]! });
    start = end;
  }
  return bands;
}
