import { open } from 'node:fs/promises';
import path from 'node:path';
import { type Cell, type Database, identifier } from '../data/duckdb.ts';
import { formatOf, openReader } from '../data/reader.ts';
import { filesOf, reading } from '../data/source.ts';

/** What a file turns out to be, and its columns as its first rows show them. */
export interface Inspected {
  readonly format: 'csv' | 'jsonl' | 'parquet';
  readonly encoding: 'utf-8' | 'latin-1';
  readonly delimiter?: string;
  /** Of a csv: whether the first line names the columns. */
  readonly header?: boolean;
  readonly columns: readonly InspectedColumn[];
}

export interface InspectedColumn {
  readonly name: string;
  /** DuckDB's type. */
  readonly type: string;
  /** Share of different values among the first rows. */
  readonly distinct: number;
  readonly example: Cell;
  /** Of a numeric column, its extremes among the first rows. */
  readonly range?: readonly [number, number];
  /** Whether every value is a date or time, or a number that could be Unix seconds to microseconds after 1979. */
  readonly isTime: boolean;
  /** Whether every value is a text such as 31.12.2024 18:30, which has to be taken apart. */
  readonly isDottedTime: boolean;
  /** Whether every value is a text such as 1.234,50. */
  readonly isCommaNumber: boolean;
}

/** SQL that reads an {@link InspectedColumn.isDottedTime}. */
export const dottedTime = (column: string): string =>
  `try_strptime(${column}, ['%d.%m.%Y %H:%M', '%d.%m.%Y %H:%M:%S', '%d.%m.%Y'])`;

/** SQL that reads an {@link InspectedColumn.isCommaNumber}. */
export const commaNumber = (column: string): string =>
  `TRY_CAST(replace(replace(${column}, '.', ''), ',', '.') AS DOUBLE)`;

const commaNumbers = '-?([0-9]+|[0-9]{1,3}([.][0-9]{3})+)(,[0-9]+)?';

const firstRows = 10_000;

/**
 * Finds out how a file of rows is written.
 * @throws DataError where there is no such file or it is none
 */
export async function inspectFile(
  database: Database,
  file: string,
  baseDirectory: string,
): Promise<Inspected> {
  const [first] = await filesOf({ path: file }, baseDirectory);
  const source = {
    path: first!,
    encoding: (await isUtf8(first!)) ? ('utf-8' as const) : ('latin-1' as const),
  };
  return reading(path.basename(first!), async () => {
    const format = formatOf(source);
    const readers = [await openReader(database, source, [first!])];
    // DuckDB looks for delimiters of one character only; MovieLens and its like use two.
    if (format === 'csv') readers.push(await openReader(database, { ...source, delimiter: '::' }, [first!]));
    const reader = readers.reduce((a, b) => (b.columns.length > a.columns.length ? b : a));
    const columns = await columnsOf(database, reader.from([], 'leave out'));
    return { format, encoding: source.encoding, ...reader.dialect, columns };
  });
}

/** Whether the first megabyte is UTF-8; a character cut in half at its end is no fault. Packed files are taken to be. */
async function isUtf8(file: string): Promise<boolean> {
  if (/\.(gz|zst|parquet|pq)$/i.test(file)) return true;
  await using handle = await open(file);
  const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(1 << 20) });
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, bytesRead), { stream: true });
    return true;
  } catch {
    return false;
  }
}

async function columnsOf(database: Database, from: string): Promise<InspectedColumn[]> {
  await database.rows(`CREATE OR REPLACE TEMP TABLE inspected AS FROM ${from} LIMIT ${firstRows}`);
  const described = await database.rows('DESCRIBE FROM inspected');
  const columns: InspectedColumn[] = [];
  for (const { column_name, column_type } of described) {
    const name = String(column_name);
    const type = String(column_type);
    const column = identifier(name);
    const isNumber = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL)/.test(type);
    const range = isNumber ? `CAST(min(${column}) AS DOUBLE), CAST(max(${column}) AS DOUBLE)` : 'NULL, NULL';
    const texts =
      type === 'VARCHAR'
        ? `count(TRY_CAST(${column} AS TIMESTAMPTZ)) = count(*), count(${dottedTime(column)}) = count(*),
           bool_and(regexp_full_match(${column}, '${commaNumbers}')) AND bool_or(contains(${column}, ','))`
        : 'NULL, NULL, NULL';
    const [low, high, times, dotted, commas, distinct, example] = Object.values(
      await database.row(`
        SELECT ${range}, ${texts}, count(DISTINCT ${column}) / greatest(1, count(${column})), first(${column})
        FROM inspected`),
    );
    const isRange = typeof low === 'number' && typeof high === 'number';
    columns.push({
      name,
      type,
      distinct: Number(distinct),
      example: example ?? null,
      ...(isRange ? { range: [low, high] } : {}),
      isTime:
        /^(DATE|TIMESTAMP)/.test(type) ||
        times === true ||
        dotted === true ||
        (isRange && low > 3e8 && high < 1e17),
      isDottedTime: times !== true && dotted === true,
      isCommaNumber: commas === true,
    });
  }
  return columns;
}
