import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { type DuckDBConnection, type DuckDBDataChunk, DuckDBInstance } from '@duckdb/node-api';
import { DataError } from '../../shared/errors.ts';

/** A value of a row as JSON can hold it: numbers beyond 2^53, times and decimals come as text. */
export type Cell = string | number | boolean | null | Cell[] | { [key: string]: Cell };
export type Row = Readonly<Record<string, Cell>>;

/**
 * A statement that DuckDB refused or could not finish. The message is DuckDB's without its kind and without the
 * statement's text, which the reader never wrote.
 */
export class SqlError extends DataError {
  constructor(cause: unknown) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const reason = message
      .split('\n\nLINE ')[0]!
      .replace(/^[A-Z]\w+( \w+)? Error: /, '')
      .replaceAll(/\s*\n\s*/g, ' ')
      .trim();
    super(reason, { cause });
  }
}

/** An in-memory DuckDB that spills to a scratch folder; both vanish when it is disposed. */
export interface Database extends AsyncDisposable {
  /** A folder for files that live as long as the database. */
  readonly scratch: string;
  /** Runs a statement and reads its whole result. */
  rows(sql: string): Promise<readonly Row[]>;
  /** The one row of a statement that has one. */
  row(sql: string): Promise<Row>;
  /** Reads a result piecemeal, some thousand rows at a time. */
  stream(sql: string): AsyncIterable<DuckDBDataChunk>;
}

/** Room for the buffers that each thread reads into; beyond it DuckDB spills to disk. */
const megabytesPerThread = 128;
const leastMegabytes = 400;

/**
 * Opens a database for one piece of work. It fetches no extensions. Statements end early, with the signal's reason,
 * when `signal` aborts.
 */
export async function openDatabase(signal: AbortSignal): Promise<Database> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'perigee-data-'));
  const threads = availableParallelism();
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    memory_limit: `${Math.max(leastMegabytes, megabytesPerThread * threads)}MB`,
    temp_directory: path.join(scratch, 'spill'),
    threads: String(threads),
  });
  const connection = await instance.connect();
  // Times without a zone are UTC, wherever this runs.
  await connection.run("SET TimeZone = 'UTC'");
  const interrupt = (): void => connection.interrupt();
  signal.addEventListener('abort', interrupt);
  return {
    scratch,
    rows: (sql) => read(connection, sql, signal),
    async row(sql) {
      const [row] = await read(connection, sql, signal);
      if (row === undefined) throw new DataError(`expected one row of '${sql}', found none`);
      return row;
    },
    async *stream(sql) {
      try {
        for await (const chunk of await connection.stream(sql)) yield chunk;
      } catch (error) {
        throw signal.aborted ? signal.reason : new SqlError(error);
      }
    },
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', interrupt);
      connection.closeSync();
      instance.closeSync();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

async function read(connection: DuckDBConnection, sql: string, signal: AbortSignal): Promise<readonly Row[]> {
  signal.throwIfAborted();
  try {
    const result = await connection.run(sql);
    return (await result.getRowObjectsJson()) as Row[];
  } catch (error) {
    throw signal.aborted ? signal.reason : new SqlError(error);
  }
}

/** `"name"`, whatever is in it. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** `'text'`, whatever is in it. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
