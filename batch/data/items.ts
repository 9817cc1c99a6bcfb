import type { ItemAttributes } from '../../shared/catalogue.ts';
import type { ItemSource } from '../config.ts';
import type { Cell, Database, Row } from './duckdb.ts';
import { check, expression, type OpenSource, reading } from './source.ts';

/** What the item sources say. */
export interface ItemTable {
  readonly attributes: ReadonlyMap<string, ItemAttributes>;
  /** Words of all rows of an item, sorted; absent where no source has a column for them. */
  readonly features?: ReadonlyMap<string, readonly string[]>;
  /** Rows beyond an item's first, which stands: the sources disagree with themselves. */
  readonly conflicts: readonly Row[];
}

type Columns = ItemSource['columns'];

const listOf = (sql: string, type: string): string =>
  type.endsWith('[]') ? `CAST(${sql} AS VARCHAR[])` : `string_split(CAST(${sql} AS VARCHAR), '|')`;

/** How each column is read; what cannot be is left out. */
const casts: Record<Exclude<keyof Columns, 'attributes'>, (sql: string, type: string) => string> = {
  itemId: (sql) => `CAST(${sql} AS VARCHAR)`,
  title: (sql) => `CAST(${sql} AS VARCHAR)`,
  categories: listOf,
  features: listOf,
  price: (sql) => `TRY_CAST(${sql} AS DOUBLE)`,
  url: (sql) => `CAST(${sql} AS VARCHAR)`,
  image: (sql) => `CAST(${sql} AS VARCHAR)`,
  available: (sql) => `TRY_CAST(${sql} AS BOOLEAN)`,
};

/** Whether an expression makes several rows of one; SQL cannot group by such. */
export const unfolds = (sql: string): boolean => /\bunnest\s*\(/i.test(sql);

type Cast = (sql: string, type: string) => string;

/** A declared attribute is what its expression's type says. Times are Unix seconds. */
const castByType: Cast = (sql, type) => {
  if (type === 'BOOLEAN') return sql;
  if (type.endsWith('[]')) return `CAST(${sql} AS VARCHAR[])`;
  if (/^(DATE|TIMESTAMP)/.test(type)) return `CAST(epoch(CAST(${sql} AS TIMESTAMP)) AS DOUBLE)`;
  if (/^(U?(TINY|SMALL|BIG|HUGE)?INT|INTEGER|UINTEGER|FLOAT|DOUBLE|DECIMAL)/.test(type))
    return `CAST(${sql} AS DOUBLE)`;
  return `CAST(${sql} AS VARCHAR)`;
};

/**
 * The statement that yields a source's items, one row for each distinct value of its expressions, in the order of
 * their first row. Aggregates (`mode(Description)`) are taken over the rows of an item,
 * unless `unnest` makes several rows of a source's.
 */
async function itemQuery(database: Database, source: OpenSource, columns: Columns): Promise<string> {
  const select: string[] = [];
  const read = async (name: string, place: string, text: string | undefined, cast: Cast): Promise<void> => {
    if (text === undefined) return;
    const sql = expression(text, source.columns);
    const type = await check(database, source, place, sql);
    select.push(`${cast(sql, type)} AS "${name}"`);
  };
  const { attributes = {}, ...known } = columns;
  for (const [name, text] of Object.entries(known) as [keyof typeof casts, string | undefined][])
    await read(name, `columns.${name}`, text, casts[name]);
  for (const [name, text] of Object.entries(attributes))
    await read(name, `columns.attributes.${name}`, text, castByType);
  const rows = `(SELECT *, row_number() OVER () AS "source row" FROM ${source.from} WHERE ${source.where})`;
  const grouped = select.some(unfolds)
    ? `SELECT * EXCLUDE "source row", min("source row") AS "first row" FROM (SELECT ${select.join(', ')}, "source row" FROM ${rows})`
    : `SELECT ${select.join(', ')}, min("source row") AS "first row" FROM ${rows}`;
  return `${grouped} GROUP BY ALL ORDER BY "first row", "itemId"`;
}

/** Reads the item sources; of an item that has several rows the first stands, of several sources the first that has it. */
export async function readItems(
  database: Database,
  sources: readonly { readonly open: OpenSource; readonly columns: Columns }[],
): Promise<ItemTable> {
  const attributes = new Map<string, ItemAttributes>();
  const words = new Map<string, Set<string>>();
  const conflicts: Row[] = [];
  // With several threads mode() and the like would choose among equals by chance.
  await database.rows('SET threads = 1');
  for (const {
    open,
    columns: { features, ...columns },
  } of sources) {
    const describes = Object.keys(columns).length > 1;
    for await (const [itemId, row] of itemRows(database, open, columns)) {
      if (!attributes.has(itemId))
        attributes.set(itemId, attributesOf(row, Object.keys(columns.attributes ?? {})));
      else if (describes) conflicts.push(row);
    }
    // Apart from the attributes: of these the first row stands, words are of all rows.
    if (features === undefined) continue;
    for await (const [itemId, row] of itemRows(database, open, { itemId: columns.itemId, features })) {
      const known = words.get(itemId) ?? new Set();
      for (const word of textsOf(row['features'])) known.add(word);
      words.set(itemId, known);
    }
  }
  await database.rows('RESET threads');
  const hasWords = sources.some(({ columns }) => columns.features !== undefined);
  return { attributes, conflicts, ...(hasWords && { features: sorted(words) }) };
}

/** A source's items with their ids; rows without an id are left out. */
async function* itemRows(
  database: Database,
  source: OpenSource,
  columns: Columns,
): AsyncGenerator<[string, Row]> {
  const query = await itemQuery(database, source, columns);
  for (const row of await reading(source.name, () => database.rows(query))) {
    const itemId = row['itemId'];
    if (typeof itemId === 'string' && itemId !== '') yield [itemId, row];
  }
}

const sorted = (words: ReadonlyMap<string, ReadonlySet<string>>): Map<string, readonly string[]> =>
  new Map([...words].map(([itemId, own]) => [itemId, [...own].sort()]));

function attributesOf(row: Row, declared: readonly string[]): ItemAttributes {
  const { title, categories, price, url, image, available } = row;
  const attributes: ItemAttributes = {};
  if (isText(title)) attributes.title = title.trim();
  const names = textsOf(categories);
  if (names.length > 0) attributes.categories = [...new Set(names)];
  if (typeof price === 'number' && Number.isFinite(price)) attributes.price = price;
  if (isText(url)) attributes.url = url.trim();
  if (isText(image)) attributes.image = image.trim();
  if (typeof available === 'boolean') attributes.available = available;
  for (const name of declared) {
    const value = row[name];
    const texts = textsOf(value);
    if (texts.length > 0) attributes[name] = [...new Set(texts)];
    else if (isText(value)) attributes[name] = value.trim();
    else if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value)))
      attributes[name] = value;
  }
  return attributes;
}

const textsOf = (list: Cell | undefined): string[] =>
  Array.isArray(list) ? list.filter(isText).map((text) => text.trim()) : [];

const isText = (value: Cell | undefined): value is string => typeof value === 'string' && value.trim() !== '';
