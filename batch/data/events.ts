import { ConfigError, DataError } from '../../shared/errors.ts';
import type { DataConfig, EventSource } from '../config.ts';
import { type Database, literal } from './duckdb.ts';
import { check, expression, type OpenSource } from './source.ts';

/**
 * Rows of every event source that its `where` keeps, in source order (rowid): `u`, `i` text ids; `t` Unix seconds;
 * `k` position in the config's event kinds, −1 where it is none of them; `b` basket; `c0`, `c1` … context features as text.
 */
export const stagedTable = 'staged_events';

export async function createStaging(database: Database, context: readonly string[]): Promise<void> {
  const columns = ['u VARCHAR', 'i VARCHAR', 't DOUBLE', 'k SMALLINT', 'b DOUBLE'];
  await database.rows(
    `CREATE TEMP TABLE ${stagedTable} (${[...columns, ...context.map((_, c) => `c${c} VARCHAR`)].join(', ')})`,
  );
}

/** The SELECT list of a source, with the aliases u, i, t, k, b; checked against the source's columns. */
export async function eventExpressions(
  database: Database,
  source: OpenSource,
  columns: EventSource['columns'],
): Promise<Record<'u' | 'i' | 't' | 'k' | 'b', Expression>> {
  const resolve = async (setting: Exclude<keyof EventSource['columns'], 'context'>): Promise<Expression> => {
    const text = columns[setting];
    if (text === undefined) return { sql: 'NULL', type: 'NULL' };
    const sql = expression(text, source.columns);
    return { sql, type: await check(database, source, `columns.${setting}`, sql) };
  };
  const t = await resolve('time');
  if (!/^(DATE|TIMESTAMP|VARCHAR|NULL|U?\w*INT|DOUBLE|FLOAT|DECIMAL)/.test(t.type)) {
    throw new DataError(
      `${source.name}: columns.time: expected a timestamp, a date or a number, found ${t.type}`,
    );
  }
  return {
    u: await resolve('userId'),
    i: await resolve('itemId'),
    t,
    k: await resolve('kind'),
    b: await resolve('basketId'),
  };
}

/** SQL of each context feature; one that a source does not have is unknown in its events. */
async function contextExpressions(
  database: Database,
  source: OpenSource,
  columns: EventSource['columns'],
  names: readonly string[],
): Promise<string[]> {
  const expressions: string[] = [];
  for (const name of names) {
    const text = columns.context?.[name];
    const sql = text === undefined ? 'NULL' : expression(text, source.columns);
    if (text !== undefined) await check(database, source, `columns.context.${name}`, sql);
    expressions.push(sql);
  }
  return expressions;
}

export interface Expression {
  readonly sql: string;
  readonly type: string;
}

/** Appends a source's rows to the staging table. */
export async function stageEvents(
  database: Database,
  source: OpenSource,
  columns: EventSource['columns'],
  kinds: EventKinds,
  context: readonly string[],
): Promise<void> {
  const { u, i, t, k, b } = await eventExpressions(database, source, columns);
  const features = await contextExpressions(database, source, columns, context);
  const names = features.map((_, c) => `, nullif(CAST(c${c} AS VARCHAR), '')`).join('');
  await database.rows(`
    INSERT INTO ${stagedTable}
    SELECT nullif(CAST(u AS VARCHAR), ''), nullif(CAST(i AS VARCHAR), ''), ${secondsOf('t', t.type)},
      ${kindOf('CAST(k AS VARCHAR)', kinds)}, ${basketOf('b')}${names}
    FROM (
      SELECT ${u.sql} AS u, ${i.sql} AS i, ${t.sql} AS t, ${k.sql} AS k, ${b.sql} AS b${features.map((sql, c) => `, ${sql} AS c${c}`).join('')}
      FROM ${source.recording} WHERE ${source.where}
    )`);
}

/** Names of the kinds, their weights, and the position of the one that events without a kind have. */
export interface EventKinds {
  readonly names: readonly string[];
  readonly weights: Float32Array;
  readonly defaultKind: number;
}

/** @throws ConfigError where the default kind is none of the kinds */
export function eventKindsOf(config: Pick<DataConfig, 'eventKinds' | 'defaultEventKind'>): EventKinds {
  const names = Object.keys(config.eventKinds);
  const weights = Float32Array.from(Object.values(config.eventKinds));
  const defaultKind = config.defaultEventKind === undefined ? 0 : names.indexOf(config.defaultEventKind);
  if (defaultKind >= 0 && names.length > 0) return { names, weights, defaultKind };
  throw new ConfigError(
    `data.defaultEventKind: expected one of data.eventKinds (${names.join(', ')}), found '${config.defaultEventKind}'`,
  );
}

const kindOf = (column: string, kinds: EventKinds): string =>
  `CASE WHEN ${column} IS NULL THEN ${kinds.defaultKind} ${kinds.names
    .map((name, position) => `WHEN ${column} = ${literal(name)} THEN ${position}`)
    .join(' ')} ELSE -1 END`;

/**
 * A basket as a number: 53 bits of its id's hash. Baskets are only ever compared within one user, where two ids
 * would have to agree in all of them to be taken for one.
 */
const basketOf = (column: string): string =>
  `CAST(hash(CAST(${column} AS VARCHAR)) >> 11 AS DOUBLE) + 0 * length(CAST(${column} AS VARCHAR))`;

/**
 * Unix seconds of a time expression: NULL where it is not readable. Numbers are seconds, or milli-, micro- or
 * nanoseconds where they are too large to be: 10^11 seconds lie in the year 5138, as milliseconds in 1973.
 */
export function secondsOf(column: string, type: string): string {
  if (/^(DATE|TIMESTAMP)/.test(type)) return `CASE WHEN isfinite(${column}) THEN epoch(${column}) END`;
  if (type === 'VARCHAR') {
    const text = `coalesce(TRY_CAST(${column} AS DOUBLE), epoch(TRY_CAST(${column} AS TIMESTAMPTZ)))`;
    return scaled(text);
  }
  return type === 'NULL' ? 'NULL' : scaled(`CAST(${column} AS DOUBLE)`);
}

const scaled = (number: string): string => `CASE
  WHEN NOT isfinite(${number}) THEN NULL
  WHEN abs(${number}) < 1e11 THEN ${number}
  WHEN abs(${number}) < 1e14 THEN ${number} / 1e3
  WHEN abs(${number}) < 1e17 THEN ${number} / 1e6
  ELSE ${number} / 1e9 END`;
