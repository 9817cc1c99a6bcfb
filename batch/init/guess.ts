import type { InspectedColumn } from './inspect.ts';

/** Names that people give such columns, best first. Compared in lower case without `_`, `-` and spaces. */
const customs = {
  userId: [
    /^(user|customer|client|visitor|member|account|shopper|reviewer)(id|no|number|key|code|uuid)?$/,
    /^u(ser)?id$/,
    /(user|customer|visitor)/,
    /^session(id)?$/,
  ],
  itemId: [
    /^(item|product|article|movie|stock|track|artist|song|book|video|content|listing|business)(id|no|number|key|code|uuid)$/,
    /^(item|product|article|sku|asin|isbn|ean|movie|track|artist|i?id)$/,
    /(item|product|sku|article)/,
  ],
  time: [
    /^(unix)?(time|timestamp|ts)$/,
    /^(event|order|invoice|created|purchase)?(time|date|datetime|at)$/,
    /(time|date)/,
  ],
  kind: [/^(event|action|interaction|behaviou?r)(type|kind|name)?$/, /^kind$/],
  basketId: [/^(invoice|order|basket|transaction|receipt|cart|session)(id|no|number|key|uuid)$/],
  title: [/^(title|name|productname|itemname)$/, /^description$/, /(title|name)/],
  categories: [/^(genres?|categor(y|ies)|tags?)$/, /(genre|categor)/],
  price: [/^(unit|list)?price$/, /price/],
  url: [/^(url|link)$/],
  image: [/^(image|picture|photo)(url)?$/, /(image|picture)/],
  available: [/^(is|in)?(available|instock|active)$/],
} as const;

export type Role = keyof typeof customs;

/**
 * The column that plays a role, judged by its name and, for times, by its content. Undefined where none does, or
 * where all that might are `taken`.
 */
export function guessColumn(
  role: Role,
  columns: readonly InspectedColumn[],
  taken: readonly (string | undefined)[] = [],
): string | undefined {
  const free = columns.filter(({ name }) => !taken.includes(name));
  for (const custom of customs[role]) {
    const match = free.find(
      (column) =>
        custom.test(column.name.toLowerCase().replaceAll(/[_\-\s.]/g, '')) &&
        (role !== 'time' || column.isTime),
    );
    if (match !== undefined) return match.name;
  }
  return role === 'time' ? free.find(({ isTime }) => isTime)?.name : undefined;
}

/**
 * Names for the columns of a file without a header. Such files are written user, item, [value,] time, in the order
 * of the columns.
 */
export function nameColumns(columns: readonly InspectedColumn[]): string[] {
  const time = columns.findIndex(({ isTime }) => isTime);
  const ids = columns.flatMap((_, i) => (i === time ? [] : [i])).slice(0, 2);
  return columns.map((column, i) => {
    if (i === time) return 'time';
    if (i === ids[0]) return 'userId';
    if (i === ids[1]) return 'itemId';
    const looksLikeRating = column.range !== undefined && column.range[0] >= 0 && column.range[1] <= 10;
    return looksLikeRating && i === 2 ? 'rating' : `column${i + 1}`;
  });
}

/** The same for a file of items: id, title, the rest; a list split by `|` is taken for categories. */
export function nameItemColumns(columns: readonly InspectedColumn[]): string[] {
  return columns.map(({ example }, i) => {
    if (i === 0) return 'itemId';
    if (i === 1) return 'title';
    return i === 2 && String(example).includes('|') ? 'categories' : `column${i + 1}`;
  });
}

const kindWeights: readonly (readonly [RegExp, number])[] = [
  // What takes a choice back is none.
  [/(refund|return|cancel|remov|delet|dislike|unlike|unfav|unsubscri)/, 0],
  [/(buy|bought|purchas|order|transaction|checkout)/, 1],
  [/(cart|basket|wish|favou?rite|like|save)/, 0.5],
  [/(view|click|visit|impression|pv|open)/, 0.2],
];

/** What a kind of event is worth beside a purchase, judged by its name. */
export const guessWeight = (kind: string): number =>
  kindWeights.find(([custom]) => custom.test(kind.toLowerCase()))?.[1] ?? 1;
