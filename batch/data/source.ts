import { glob, stat } from 'node:fs/promises';
import path from 'node:path';
import { DataError } from '../../shared/errors.ts';
import type { EventSource, ItemSource } from '../config.ts';
import type { Store } from '../store/store.ts';
import { type Database, identifier, SqlError } from './duckdb.ts';
import { fetchObjects } from './fetch-objects.ts';
import { type Column, openReader } from './reader.ts';

/** Where sources are looked for. */
export interface SourceContext {
  /** Relative paths start here. */
  readonly baseDirectory: string;
  /** Opens `s3://bucket` for reading; without it, `s3://` sources are refused. */
  readonly openBucket?: ((address: string) => Pick<Store, 'get' | 'list'>) | undefined;
  readonly signal: AbortSignal;
}

/** A source that can be read: its files exist and DuckDB has found out their columns. */
export interface OpenSource {
  /** For messages: `events data/ratings.csv`. */
  readonly name: string;
  /** SQL table function that reads it, in file order. */
  readonly from: string;
  /** The same, but malformed lines of a csv are kept in {@link rejectsTable}. To be read once. */
  readonly recording: string;
  readonly columns: readonly Column[];
  /** An empty table with its columns, to try expressions on. */
  readonly shape: string;
  /** Condition of the rows to keep, `true` where all are. */
  readonly where: string;
}

/** Files of a source, in the order in which they are read. */
export async function filesOf(source: { readonly path: string }, baseDirectory: string): Promise<string[]> {
  const literally = path.resolve(baseDirectory, source.path);
  const found = await stat(literally).catch(() => undefined);
  if (found?.isFile()) return [literally];
  if (found?.isDirectory()) {
    throw new DataError(
      `${source.path}: expected a file or a pattern such as '${source.path}/*.csv', found a folder`,
    );
  }
  const files: string[] = [];
  for await (const match of glob(source.path, { cwd: baseDirectory })) {
    const file = path.resolve(baseDirectory, match);
    if ((await stat(file)).isFile()) files.push(file);
  }
  if (files.length > 0) return files.sort((a, b) => (a < b ? -1 : 1));
  throw new DataError(
    /[*?[{]/.test(source.path)
      ? `${source.path}: no file matches this pattern in ${baseDirectory}`
      : `No such file: ${literally}`,
  );
}

type AnySource = EventSource | ItemSource;

/**
 * Finds a source's files and columns. Columns that are ids are read as the text that the file has, so that `007`
 * does not become 7.
 * @throws DataError that names the source, what is wrong with it, and the columns that it has
 */
export async function openSource(
  database: Database,
  source: AnySource,
  role: 'events' | 'items' | 'test events',
  context: SourceContext,
): Promise<OpenSource> {
  const name = `${role} ${source.path}`;
  const files = source.path.startsWith('s3://')
    ? await fetchObjects(source.path, database.scratch, context)
    : await filesOf(source, context.baseDirectory);
  const ids = [source.columns.itemId, ...('userId' in source.columns ? idsOf(source.columns) : [])];
  const reader = await reading(name, () => openReader(database, source, files));
  const asText = reader.isText
    ? reader.columns.filter((column) => isOne(column, ids)).map(({ name }) => name)
    : [];
  const columns = reader.columns.map((column) => ({
    ...column,
    type: asText.includes(column.name) ? 'VARCHAR' : column.type,
  }));
  const shape = identifier(`shape of ${name} ${crypto.randomUUID()}`);
  const definitions = columns.map((column) => `${identifier(column.name)} ${column.type}`);
  await database.rows(`CREATE TEMP TABLE ${shape} (${definitions.join(', ')})`);
  const opened = {
    name,
    from: reader.from(asText, 'leave out'),
    recording: reader.from(asText, 'record'),
    columns,
    shape,
  };
  const where = source.where === undefined ? 'true' : expression(source.where, opened.columns);
  await check(database, opened, 'where', where);
  return { ...opened, where };
}

const idsOf = (columns: EventSource['columns']): string[] => [
  columns.userId,
  ...(columns.basketId === undefined ? [] : [columns.basketId]),
];

const isOne = (column: Column, expressions: readonly string[]): boolean =>
  expressions.some((text) => unquoted(text).toLowerCase() === column.name.toLowerCase());

const unquoted = (text: string): string => text.trim().replace(/^"(.*)"$/, '$1');

/**
 * Runs statements that read a source.
 * @throws DataError that names the source where DuckDB fails
 */
export async function reading<T>(name: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    throw new DataError(`${name} cannot be read: ${error.message}`, { cause: error });
  }
}

/** SQL of an expression of the config; a column's bare name stands for it even where SQL would want quotes. */
export function expression(text: string, columns: readonly Column[]): string {
  const column = columns.find(({ name }) => name === text.trim());
  return column === undefined ? `(${text}\n)` : identifier(column.name);
}

/**
 * Type of an expression over a source's columns.
 * @throws DataError that names the source and the setting, and lists the columns that exist
 */
export async function check(
  database: Database,
  source: Pick<OpenSource, 'name' | 'columns' | 'shape'>,
  setting: string,
  sql: string,
): Promise<string> {
  try {
    const [column] = await database.rows(`DESCRIBE SELECT ${sql} FROM ${source.shape}`);
    return String(column?.['column_type']);
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    throw new DataError(`${source.name}: ${setting}: ${explain(error, source.columns)}`, { cause: error });
  }
}

/** DuckDB's reason; of an unknown column, what was probably meant; and the columns that there are. */
function explain(error: SqlError, columns: readonly Column[]): string {
  const existing = `Columns: ${columns.map(({ name }) => name).join(', ')}.`;
  const missing = /Referenced column "(.*?)" not found/.exec(error.message)?.[1];
  if (missing === undefined) return `${error.message}. ${existing}`;
  const meant = /Candidate bindings: "(.*?)"/.exec(error.message)?.[1];
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
  return `there is no column '${missing}'.${hint} ${existing}`;
}
