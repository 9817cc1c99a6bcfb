import type { RankingRows, RankingSplit } from '../ranking/ranker.ts';
import { itemFeatures } from './two-tower-features.ts';

/** What a linear baseline is told of a row. Unlike the rankers, these know users by their number. */
export type Field = 'user' | 'item' | 'attributes' | 'context';

/** Rows as sparse vectors: those of row r are at starts[r] … starts[r + 1] − 1. */
export interface Encoded {
  readonly width: number;
  readonly starts: Int32Array;
  readonly features: Int32Array;
  readonly values: Float32Array;
}

export type Rows = Omit<RankingRows, 'histories'>;

/** Turns rows into sparse vectors of the fields, numbered by what `train` holds. */
export function oneHotEncoder(
  { train }: Pick<RankingSplit, 'train'>,
  fields: readonly Field[],
): (rows: Rows) => Encoded {
  const has = (field: Field): boolean => fields.includes(field);
  const described = itemFeatures(train);
  const attributes: (readonly [feature: number, value: number])[][] = train.itemIds.map(() => []);
  for (const [pair, item] of described.items.entries())
    attributes[item]!.push([described.features[pair]!, described.weights[pair]!]);
  const itemsFrom = train.userIds.length;
  const attributesFrom = itemsFrom + train.itemIds.length;
  let width = attributesFrom + described.count;
  const contextFrom = (train.context?.values ?? []).map((values) => {
    width += values.length + 1;
    return width - values.length - 1;
  });
  return ({ users, items, context }) => {
    const starts = new Int32Array(items.length + 1);
    const features: number[] = [];
    const values: number[] = [];
    const add = (feature: number, value = 1): void => {
      features.push(feature);
      values.push(value);
    };
    for (let row = 0; row < items.length; row++) {
      if (has('user')) add(users[row]!);
      if (has('item')) add(itemsFrom + items[row]!);
      if (has('attributes'))
        for (const [feature, value] of attributes[items[row]!]!) add(attributesFrom + feature, value);
      if (has('context')) for (const [c, column] of context.entries()) add(contextFrom[c]! + column[row]!);
      starts[row + 1] = features.length;
    }
    return { width, starts, features: Int32Array.from(features), values: Float32Array.from(values) };
  };
}
