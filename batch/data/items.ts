import type { ItemAttributes } from '../../shared/catalogue.ts';
import type { ItemSource } from '../config.ts';
import type { Cell, Database, Row } from './duckdb.ts';
import { check, expression, type OpenSource, reading } from './source.ts';

/** What the item sources say. */
export interface ItemTable {
  readonly attributes: ReadonlyMap<string, ItemAttributes>;
  /** Rows beyond an item's first, which stands: the sources disagree with themselves. */
  readonly conflicts: readonly Row[];
}

/** How each attribute is read; what cannot be is left out. */
const casts: Record<Exclude<keyof ItemSource['columns'], 'itemId'>, (sql: string, type: string) => string> = {
  title: (sql) => `CAST(${sql} AS VARCHAR)`,
  categories: (sql, type) =>
    type.endsWith('[]') ? `CAST(${sql} AS VARCHAR[])` : `string_split(CAST(${sql} AS VARCHAR), '|')`,
  price: (sql) => `TRY_CAST(${sql} AS DOUBLE)`,
  url: (sql) => `CAST(${sql} AS VARCHAR)`,
  image: (sql) => `CAST(${sql} AS VARCHAR)`,
  available: (sql) => `TRY_CAST(${sql} AS BOOLEAN)`,
};

/**
 * The statement that yields a source's items, one row for each distinct value of its expressions, in the order of
 * their first row. Aggregates (`mode(Description)`) are taken over the rows of an item.
 */
async function itemQuery(
  database: Database,
  source: OpenSource,
  columns: ItemSource['columns'],
): Promise<string> {
  const select: string[] = [];
  for (const [name, text] of Object.entries(columns) as [keyof typeof columns, string | undefined][]) {
    if (text === undefined) continue;
    const sql = expression(text, source.columns);
    const type = await check(database, source, `columns.${name}`, sql);
    select.push(`${name === 'itemId' ? `CAST(${sql} AS VARCHAR)` : casts[name](sql, type)} AS "${name}"`);
  }
  return `
    SELECT ${select.join(', ')}, min("source row") AS "first row"
    FROM (SELECT *, row_number() OVER () AS "source row" FROM ${source.from} WHERE ${source.where})
    GROUP BY ALL ORDER BY "first row", "itemId"`;
}

/** Reads the item sources; of an item that has several rows the first stands, of several sources the first that has it. */
export async function readItems(
  database: Database,
  sources: readonly { readonly open: OpenSource; readonly columns: ItemSource['columns'] }[],
): Promise<ItemTable> {
  const attributes = new Map<string, ItemAttributes>();
  const conflicts: Row[] = [];
  // With several threads mode() and the like would choose among equals by chance.
  await database.rows('SET threads = 1');
  for (const { open, columns } of sources) {
    const query = await itemQuery(database, open, columns);
    for (const row of await reading(open.name, () => database.rows(query))) {
      const itemId = row['itemId'];
      if (typeof itemId !== 'string' || itemId === '') continue;
      if (attributes.has(itemId)) conflicts.push(row);
      else attributes.set(itemId, attributesOf(row));
    }
  }
  await database.rows('RESET threads');
  return { attributes, conflicts };
}

function attributesOf(row: Row): ItemAttributes {
  const { title, categories, price, url, image, available } = row;
  const attributes: ItemAttributes = {};
  if (isText(title)) attributes.title = title.trim();
  if (Array.isArray(categories)) {
    const names = categories.filter(isText).map((name) => name.trim());
    if (names.length > 0) attributes.categories = [...new Set(names)];
  }
  if (typeof price === 'number' && Number.isFinite(price)) attributes.price = price;
  if (isText(url)) attributes.url = url.trim();
  if (isText(image)) attributes.image = image.trim();
  if (typeof available === 'boolean') attributes.available = available;
  return attributes;
}

const isText = (value: Cell | undefined): value is string => typeof value === 'string' && value.trim() !== '';
