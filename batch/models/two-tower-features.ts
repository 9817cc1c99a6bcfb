import type { ItemAttributes } from '../../shared/catalogue.ts';
import type { Dataset } from '../data/dataset.ts';

/** Which attribute values describe which items: pair i says that item `items[i]` has feature `features[i]`. */
export interface ItemFeatures {
  /** Number of different features. */
  readonly count: number;
  /** Ascending. */
  readonly items: Int32Array;
  readonly features: Int32Array;
  /** 1/√(features of the item), so that items with many are not longer for it. */
  readonly weights: Float32Array;
}

const priceBuckets = 10;
/** A feature of a single item says no more than its id. */
const minimumItems = 2;

/** Categories and words as they are, and the tenth of all known prices in which an item's price lies. */
export function itemFeatures({
  attributes,
  features: words,
}: Pick<Dataset, 'attributes' | 'features'>): ItemFeatures {
  const bucket = priceBucket(attributes);
  const names = attributes.map((item, index) => [
    ...new Set((item?.categories ?? []).map((category) => `category ${category}`)),
    ...(words?.[index] ?? []).map((word) => `word ${word}`),
    ...(item?.price === undefined ? [] : [`price ${bucket(item.price)}`]),
  ]);
  const counts = new Map<string, number>();
  for (const name of names.flat()) counts.set(name, (counts.get(name) ?? 0) + 1);
  const kept = [...counts].filter(([, count]) => count >= minimumItems).map(([name]) => name);
  const numbers = new Map(kept.sort().map((name, number) => [name, number]));
  const pairs = names.flatMap((own, item) => {
    const features = own.flatMap((name) => numbers.get(name) ?? []);
    return features.map((feature) => ({ item, feature, weight: 1 / Math.sqrt(features.length) }));
  });
  return {
    count: numbers.size,
    items: Int32Array.from(pairs, ({ item }) => item),
    features: Int32Array.from(pairs, ({ feature }) => feature),
    weights: Float32Array.from(pairs, ({ weight }) => weight),
  };
}

/** Finds the features of some of `rows` items, which are then numbered as they are given. */
export function featuresByItem(
  { count, items, features, weights }: ItemFeatures,
  rows: number,
): (chosen: Int32Array) => ItemFeatures {
  const offsets = new Int32Array(rows + 1);
  for (const item of items) offsets[item + 1]!++;
  for (let row = 0; row < rows; row++) offsets[row + 1]! += offsets[row]!;
  return (chosen) => {
    const size = chosen.reduce((sum, item) => sum + offsets[item + 1]! - offsets[item]!, 0);
    const own = {
      items: new Int32Array(size),
      features: new Int32Array(size),
      weights: new Float32Array(size),
    };
    let at = 0;
    for (let place = 0; place < chosen.length; place++) {
      const item = chosen[place]!;
      for (let pair = offsets[item]!; pair < offsets[item + 1]!; pair++, at++) {
        own.items[at] = place;
        own.features[at] = features[pair]!;
        own.weights[at] = weights[pair]!;
      }
    }
    return { count, ...own };
  };
}

function priceBucket(attributes: readonly (ItemAttributes | undefined)[]): (price: number) => number {
  const prices = Float64Array.from(attributes.flatMap((item) => item?.price ?? [])).sort();
  const bounds = Array.from({ length: priceBuckets - 1 }, (_, i) => {
    return prices[Math.floor(((i + 1) * prices.length) / priceBuckets)] ?? Number.POSITIVE_INFINITY;
  });
  return (price) => bounds.filter((bound) => price >= bound).length;
}
