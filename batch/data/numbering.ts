import * as v from 'valibot';
import { maxItemIdBytes } from '../../shared/catalogue.ts';
import { DataError } from '../../shared/errors.ts';
import { ContextValue } from '../../shared/release.ts';
import type { EventContext } from './dataset.ts';
import type { Database } from './duckdb.ts';
import { stagedTable } from './events.ts';

/** Events as integers, sorted by user, time and source order; ids in byte order. */
export interface NumberedEvents {
  readonly userIds: string[];
  /** [items + 1]; `itemIds[0]` is ''. */
  readonly itemIds: string[];
  /** [events] user index. */
  readonly users: Int32Array;
  /** [events] item index. */
  readonly items: Int32Array;
  /** [events] Unix seconds, 0 where the sources have no time. */
  readonly times: Float64Array;
  /** [events] position in the config's event kinds. */
  readonly kinds: Uint8Array;
  /** [events] a number for the basket's id, NaN where an event has none; absent where the sources have no baskets. */
  readonly baskets?: Float64Array;
  readonly context?: EventContext;
}

/** Condition of a staged row that makes an event. */
const isEvent = (hasTime: boolean): string =>
  `u IS NOT NULL AND i IS NOT NULL AND k >= 0 AND strlen(i) <= ${maxItemIdBytes}${hasTime ? ' AND t IS NOT NULL' : ''}`;

async function idsOf(database: Database, table: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const chunk of database.stream(`SELECT id FROM ${table} ORDER BY n`)) {
    for (const id of chunk.getColumnValues(0)) ids.push(String(id));
  }
  return ids;
}

/** Which of the optional columns the sources have. */
export interface OptionalColumns {
  readonly time: boolean;
  readonly basketId: boolean;
  /** Names of the context features. */
  readonly context: readonly string[];
}

/** Different values that a context feature may have: a release lists them. */
const maximumContextValues = 4_096;

/** Numbers the staged events' users (from 0) and items (from 1) and reads them, sorted, into columns. */
export async function numberEvents(
  database: Database,
  has: OptionalColumns,
  progress: (fraction: number) => void,
): Promise<NumberedEvents> {
  const valid = isEvent(has.time);
  for (const [table, column, first] of [
    ['users', 'u', 0],
    ['items', 'i', 1],
  ] as const) {
    await database.rows(`
      CREATE TEMP TABLE ${table} AS
      SELECT id, CAST(row_number() OVER (ORDER BY id) - 1 + ${first} AS INTEGER) AS n
      FROM (SELECT DISTINCT ${column} AS id FROM ${stagedTable} WHERE ${valid})`);
  }
  const { events } = await database.row(
    `SELECT CAST(count(*) AS DOUBLE) AS events FROM ${stagedTable} WHERE ${valid}`,
  );
  const context = await numberContext(database, has.context, valid);
  const sorted = `
    SELECT users.n, items.n, coalesce(t, 0), CAST(k AS INTEGER)${has.basketId ? ", coalesce(b, 'nan'::DOUBLE)" : ''}${context.map((_, c) => `, coalesce(context${c}.n, 0)`).join('')}
    FROM ${stagedTable} JOIN users ON u = users.id JOIN items ON i = items.id
    ${context.map((_, c) => `LEFT JOIN context${c} ON c${c} = context${c}.id`).join(' ')}
    WHERE ${valid}
    ORDER BY users.n, t, ${stagedTable}.rowid`;
  const contextColumns = context.map(() => new Int32Array(Number(events)));
  const columns = await readColumns(database, sorted, Number(events), has.basketId, contextColumns, progress);
  const userIds = await idsOf(database, 'users');
  const itemIds = ['', ...(await idsOf(database, 'items'))];
  const tables = [stagedTable, 'users', 'items', ...context.map((_, c) => `context${c}`)];
  for (const table of tables) await database.rows(`DROP TABLE ${table}`);
  return {
    userIds,
    itemIds,
    ...columns,
    ...(context.length > 0 && {
      context: { names: has.context, values: context, columns: contextColumns },
    }),
  };
}

/** Numbers the values of each context feature from 1, in byte order. @returns the values of each */
async function numberContext(
  database: Database,
  names: readonly string[],
  valid: string,
): Promise<string[][]> {
  const values: string[][] = [];
  for (const [c, name] of names.entries()) {
    await database.rows(`
      CREATE TEMP TABLE context${c} AS
      SELECT id, CAST(row_number() OVER (ORDER BY id) AS INTEGER) AS n
      FROM (SELECT DISTINCT c${c} AS id FROM ${stagedTable} WHERE ${valid} AND c${c} IS NOT NULL)`);
    const own = await idsOf(database, `context${c}`);
    if (own.length === 0 || own.length > maximumContextValues) {
      throw new DataError(
        `data.events.columns.context.${name}: expected 1 to ${maximumContextValues} different values, found ${own.length}`,
      );
    }
    const unfit = own.find((value) => !v.safeParse(ContextValue, value).success);
    if (unfit !== undefined) {
      throw new DataError(
        `data.events.columns.context.${name}: expected values of at most 256 characters, found one of ${unfit.length}`,
      );
    }
    values.push(own);
  }
  return values;
}

async function readColumns(
  database: Database,
  sql: string,
  events: number,
  hasBaskets: boolean,
  context: readonly Int32Array[],
  progress: (fraction: number) => void,
): Promise<Omit<NumberedEvents, 'userIds' | 'itemIds' | 'context'>> {
  const columns = {
    users: new Int32Array(events),
    items: new Int32Array(events),
    times: new Float64Array(events),
    kinds: new Uint8Array(events),
    ...(hasBaskets ? { baskets: new Float64Array(events) } : {}),
  };
  const targets = [...Object.values(columns), ...context];
  let at = 0;
  for await (const chunk of database.stream(sql)) {
    const { rowCount } = chunk;
    for (const [c, target] of targets.entries()) {
      const vector = chunk.getColumnVector(c);
      for (let row = 0; row < rowCount; row++) target[at + row] = vector.getItem(row) as number;
    }
    at += rowCount;
    progress(at / events);
  }
  return columns;
}
