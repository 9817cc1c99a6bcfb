import type { ItemSource } from '../../config.ts';
import type { Dataset } from '../dataset.ts';
import { type Database, identifier, type Row } from '../duckdb.ts';
import { type ItemTable, unfolds } from '../items.ts';
import type { QualityCheck, Sample } from '../quality.ts';
import { expression, type OpenSource } from '../source.ts';
import { columnsOf } from '../sql-expression.ts';
import { count, graded, noted, ofAll, percent, share } from './checks.ts';

/** Events of each item; index 0 is 0. */
export function itemCounts(dataset: Dataset): Uint32Array {
  const counts = new Uint32Array(dataset.itemIds.length);
  for (const item of dataset.items) counts[item]!++;
  return counts;
}

/** An item is cold below this many events: its column says next to nothing about it. */
const coldBelow = 5;

/** How unevenly the events lie on the items. */
export function tailChecks(dataset: Dataset): QualityCheck[] {
  const counts = itemCounts(dataset).subarray(1).sort();
  const events = dataset.items.length;
  const top = Math.ceil(counts.length / 100);
  const topEvents = counts.subarray(counts.length - top).reduce((sum, n) => sum + n, 0);
  // Gini = (2 Σ rank · count) / (n Σ count) − (n + 1) / n, ranks from the rarest.
  let weighted = 0;
  for (const [i, n] of counts.entries()) weighted += (i + 1) * n;
  const gini =
    events === 0 ? 0 : (2 * weighted) / (counts.length * events) - (counts.length + 1) / counts.length;
  const cold = counts.filter((n) => n < coldBelow).length;
  return [
    noted(
      'long tail',
      gini,
      `the Gini index of the items' events is ${gini.toFixed(2)}; the most popular 1 % of the items (${count(top)}) have ${percent(share(topEvents, events))} of the events`,
    ),
    noted(
      'cold items',
      share(cold, counts.length),
      `${ofAll(cold, counts.length, 'items')} have fewer than ${coldBelow} events`,
    ),
  ];
}

const has = ({ attributes, features }: Dataset, item: number, name: string): boolean =>
  name === 'features' ? features![item]!.length > 0 : attributes[item]?.[name] !== undefined;

/** Whether the item sources know the items of the events, and the other way about. */
export function coverageChecks(
  dataset: Dataset,
  { attributes }: ItemTable,
  configured: readonly string[],
): QualityCheck[] {
  const items = dataset.itemIds.length - 1;
  const counts = itemCounts(dataset);
  const unknown = dataset.itemIds
    .map((itemId, index) => ({ itemId, events: counts[index]! }))
    .filter(({ itemId }) => itemId !== '' && !attributes.has(itemId))
    .sort((a, b) => b.events - a.events);
  const gaps = configured
    .map((name) => {
      const without = dataset.attributes.filter(
        (known, item) => known !== undefined && !has(dataset, item, name),
      );
      return noted(
        'missing attribute',
        share(without.length, items),
        `${ofAll(without.length, items, 'items')} have no ${name}`,
      );
    })
    .filter(({ value }) => value > 0);
  const eventless =
    attributes.size -
    dataset.itemIds.filter((itemId, item) => counts[item]! > 0 && attributes.has(itemId)).length;
  const kept = counts.subarray(1).filter((n) => n === 0).length;
  return [
    graded(
      'items without attributes',
      { value: share(unknown.length, items), warnAbove: 0.05 },
      `${ofAll(unknown.length, items, 'items')} of the events are in no item source`,
      unknown.slice(0, 5),
    ),
    ...gaps,
    noted(
      'items without events',
      share(eventless, attributes.size),
      `${ofAll(eventless, attributes.size, 'items')} of the item sources have no events; ${
        kept === 0
          ? 'they are left out'
          : `${count(kept)} of them are new, and are recommended by what is known of them`
      }`,
    ),
  ];
}

/**
 * Items for which a source's title reads more than one text, though it must choose one (`mode(Description)`): one
 * code for several things, or several names for one.
 */
export async function titleCheck(
  database: Database,
  source: OpenSource,
  columns: ItemSource['columns'],
): Promise<QualityCheck[]> {
  if (columns.title === undefined || unfolds(columns.itemId)) return [];
  const read = (await columnsOf(database, expression(columns.title, source.columns))).map(identifier);
  if (read.length === 0) return [];
  const text = `concat_ws(' ', ${read.join(', ')})`;
  const perItem = `
    SELECT CAST(${expression(columns.itemId, source.columns)} AS VARCHAR) AS "itemId", count(DISTINCT ${text}) AS n,
      list_sort(list(DISTINCT ${text}))[:4] AS titles
    FROM ${source.from} WHERE ${source.where} GROUP BY ALL`;
  const { several, items } = await database.row(
    `SELECT CAST(count(*) FILTER (n > 1) AS DOUBLE) AS several, CAST(count(*) AS DOUBLE) AS items FROM (${perItem})`,
  );
  const samples = await database.rows(
    `SELECT "itemId", CAST(n AS DOUBLE) AS "different titles", titles FROM (${perItem}) WHERE n > 1 ORDER BY n DESC, "itemId" LIMIT 5`,
  );
  return [
    graded(
      'several titles',
      { value: share(Number(several), Number(items)) },
      `${source.name}: ${ofAll(Number(several), Number(items), 'items')} have more than one title`,
      samples,
    ),
  ];
}

/** Rows that say something else of an item than its first row, which stands. */
export function conflictCheck(conflicts: readonly Row[]): QualityCheck[] {
  if (conflicts.length === 0) return [];
  const samples = conflicts.slice(0, 3).map(({ 'first row': _, ...row }): Sample => row);
  return [
    graded(
      'conflicting item rows',
      { value: conflicts.length },
      `${count(conflicts.length)} item rows differ from the first of their item; choose with mode(…), median(…), max(…)`,
      samples,
    ),
  ];
}
