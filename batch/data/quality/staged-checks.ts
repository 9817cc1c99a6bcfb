import { maxItemIdBytes } from '../../../shared/catalogue.ts';
import type { EventSource, QualityThresholds } from '../../config.ts';
import { type Database, identifier, type Row } from '../duckdb.ts';
import { type EventKinds, eventExpressions, secondsOf, stagedTable } from '../events.ts';
import type { OptionalColumns } from '../numbering.ts';
import type { QualityCheck } from '../quality.ts';
import { rejectsTable } from '../reader.ts';
import type { OpenSource } from '../source.ts';
import { count, graded, ofAll, share } from './checks.ts';

type Sources = readonly { readonly open: OpenSource; readonly columns: EventSource['columns'] }[];

const sampleRows = 3;

/** Staged rows that make no event: without user, item or time, of a kind that the config does not name. */
export async function stagedChecks(
  database: Database,
  sources: Sources,
  has: OptionalColumns,
  kinds: EventKinds,
  thresholds: QualityThresholds,
): Promise<QualityCheck[]> {
  const counts = await database.row(`
    SELECT ${Object.entries(faults(has))
      .map(([name, { staged }]) => `CAST(count(*) FILTER (${staged}) AS DOUBLE) AS ${identifier(name)}`)
      .join(', ')}, CAST(count(*) AS DOUBLE) AS "rows"
    FROM ${stagedTable}`);
  const rows = Number(counts['rows']);
  const checks: QualityCheck[] = [];
  for (const [name, { what, threshold }] of Object.entries(faults(has))) {
    const found = Number(counts[name]);
    const samples =
      found === 0
        ? []
        : name === 'unknown kind'
          ? await unknownKinds(database, sources, kinds)
          : await faulty(database, sources, name);
    const limits = threshold ? { threshold: thresholds.missing } : {};
    checks.push(
      graded(
        name,
        { value: share(found, rows), ...limits },
        `${ofAll(found, rows, 'kept rows')} ${what}`,
        samples,
      ),
    );
  }
  checks.push(await malformedLines(database, rows, thresholds));
  return checks;
}

interface Fault {
  /** What the staged row shows. */
  readonly staged: string;
  readonly what: string;
  readonly threshold: boolean;
}

const faults = (has: OptionalColumns): Record<string, Fault> => ({
  'missing user': { staged: 'u IS NULL', what: 'have no user', threshold: true },
  'missing item': { staged: 'i IS NULL', what: 'have no item', threshold: true },
  ...(has.time
    ? { 'missing time': { staged: 't IS NULL', what: 'have no readable time', threshold: true } }
    : {}),
  'item id too long': {
    staged: `strlen(i) > ${maxItemIdBytes}`,
    what: `have an item id of more than ${maxItemIdBytes} bytes`,
    threshold: false,
  },
  'unknown kind': {
    staged: 'k < 0',
    what: 'are of a kind that data.eventKinds does not name',
    threshold: false,
  },
});

/** The first rows of the sources that have a fault, as they are. */
async function faulty(database: Database, sources: Sources, fault: string): Promise<Row[]> {
  const found: Row[] = [];
  for (const { open, columns } of sources) {
    if (found.length >= sampleRows) break;
    const { u, i, t } = await eventExpressions(database, open, columns);
    const wrong = {
      'missing user': `nullif(CAST("(user)" AS VARCHAR), '') IS NULL`,
      'missing item': `nullif(CAST("(item)" AS VARCHAR), '') IS NULL`,
      'missing time': `${secondsOf('"(time)"', t.type)} IS NULL`,
      'item id too long': `strlen(CAST("(item)" AS VARCHAR)) > ${maxItemIdBytes}`,
    }[fault];
    found.push(
      ...(await database.rows(`
        SELECT * EXCLUDE ("(user)", "(item)", "(time)") FROM (
          SELECT *, ${u.sql} AS "(user)", ${i.sql} AS "(item)", ${t.sql} AS "(time)" FROM ${open.from} WHERE ${open.where}
        ) WHERE ${wrong} LIMIT ${sampleRows - found.length}`)),
    );
  }
  return found;
}

async function unknownKinds(database: Database, sources: Sources, kinds: EventKinds): Promise<Row[]> {
  const found: Row[] = [];
  for (const { open, columns } of sources) {
    const { k } = await eventExpressions(database, open, columns);
    const rows = await database.rows(`
      SELECT CAST(${k.sql} AS VARCHAR) AS kind, CAST(count(*) AS DOUBLE) AS "rows" FROM ${open.from} WHERE ${open.where}
      GROUP BY ALL HAVING kind IS NOT NULL ORDER BY "rows" DESC, kind LIMIT 20`);
    found.push(...rows.filter(({ kind }) => !kinds.names.includes(String(kind))));
  }
  return found.slice(0, 5);
}

/** Lines that could not be made a row of: too few or too many fields, a value that is not of its column's type. */
async function malformedLines(
  database: Database,
  rows: number,
  thresholds: QualityThresholds,
): Promise<QualityCheck> {
  const [table] = await database.rows(`SELECT 1 FROM duckdb_tables() WHERE table_name = '${rejectsTable}'`);
  const lines = `(SELECT DISTINCT ON (scan_id, file_id, line) * FROM ${rejectsTable} ORDER BY scan_id, file_id, line)`;
  const found =
    table === undefined
      ? 0
      : Number((await database.row(`SELECT CAST(count(*) AS DOUBLE) AS n FROM ${lines}`))['n']);
  const samples =
    found === 0
      ? []
      : await database.rows(
          `SELECT CAST(line AS DOUBLE) AS line, left(csv_line, 200) AS text, left(error_message, 200) AS reason FROM ${lines} LIMIT ${sampleRows}`,
        );
  return graded(
    'malformed lines',
    { value: share(found, rows + found), threshold: thresholds.missing },
    `${count(found)} lines are not rows of their file`,
    samples,
  );
}
