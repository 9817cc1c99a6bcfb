import { type Database, identifier, type Row } from '../duckdb.ts';
import type { SourceProfile } from '../quality.ts';
import type { OpenSource } from '../source.ts';
import { type Conjunct, conjunctsOf } from '../sql-expression.ts';

/** A source before cleaning, and what its `where` does to it. */
export interface Audit {
  readonly profile: SourceProfile;
  /** Rows that `where` drops, and the first of them. */
  readonly dropped: number;
  readonly droppedRows: readonly Row[];
  /** Each part of `where`, in its order. */
  readonly conditions: readonly Condition[];
  /** Kept rows with a value below zero, of each numeric column that has any. */
  readonly negatives: readonly { readonly column: string; readonly rows: number }[];
}

export interface Condition {
  /** As DuckDB prints it. */
  readonly sql: string;
  /** Rows that do not meet it, whether or not they meet the others. */
  readonly failing: number;
  /** What its columns hold in these rows, commonest first, with the number of `rows`. */
  readonly samples: readonly Row[];
}

const sampleRows = 3;
const sampleGroups = 5;

const count = (condition: string): string => `CAST(count(*) FILTER (${condition}) AS DOUBLE)`;
/** A part of a condition may be written for rows that another part has ruled out; an error is a no. */
const isFalse = (condition: string): string => `NOT coalesce(TRY(${condition}), false)`;
const fails = ({ sql }: Conjunct): string => isFalse(sql);
const isDropped = ({ where }: OpenSource): string => isFalse(where);

/** Reads a source once, as it is, and the rows that fail its `where` as far as samples need. */
export async function auditSource(database: Database, source: OpenSource): Promise<Audit> {
  const conjuncts = source.where === 'true' ? [] : await conjunctsOf(database, source.where);
  const numeric = source.columns.filter(({ type }) =>
    /^((TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL)/.test(type),
  );
  const counts = await database.row(`
    SELECT ${[
      'CAST(count(*) AS DOUBLE) AS "rows"',
      `${count(isDropped(source))} AS "dropped"`,
      ...source.columns.map(
        ({ name }, i) => `CAST(count(*) - count(${identifier(name)}) AS DOUBLE) AS "missing ${i}"`,
      ),
      ...conjuncts.map((conjunct, i) => `${count(fails(conjunct))} AS "fails ${i}"`),
      ...numeric.map(
        ({ name }, i) => `${count(`${identifier(name)} < 0 AND TRY(${source.where})`)} AS "negative ${i}"`,
      ),
    ].join(', ')}
    FROM ${source.from}`);
  const conditions: Condition[] = [];
  for (const [i, conjunct] of conjuncts.entries()) {
    const failing = Number(counts[`fails ${i}`]);
    const samples = failing > 0 ? await commonest(database, source, conjunct) : [];
    conditions.push({ sql: display(conjunct.sql), failing, samples });
  }
  const dropped = Number(counts['dropped']);
  return {
    profile: {
      name: source.name,
      rows: Number(counts['rows']),
      columns: source.columns.map((column, i) => ({ ...column, missing: Number(counts[`missing ${i}`]) })),
    },
    dropped,
    droppedRows:
      dropped === 0
        ? []
        : await database.rows(`FROM ${source.from} WHERE ${isDropped(source)} LIMIT ${sampleRows}`),
    conditions,
    negatives: numeric
      .map(({ name }, i) => ({ column: name, rows: Number(counts[`negative ${i}`]) }))
      .filter(({ rows }) => rows > 0),
  };
}

async function commonest(
  database: Database,
  source: OpenSource,
  conjunct: Conjunct,
): Promise<readonly Row[]> {
  if (conjunct.columns.length === 0) return [];
  const columns = conjunct.columns.map(identifier).join(', ');
  return database.rows(`
    SELECT ${columns}, CAST(count(*) AS DOUBLE) AS "rows"
    FROM ${source.from} WHERE ${fails(conjunct)}
    GROUP BY ALL ORDER BY "rows" DESC, ${columns} LIMIT ${sampleGroups}`);
}

/** Without the parentheses that DuckDB puts around everything. */
const display = (sql: string): string => sql.replace(/^\((.*)\)$/s, '$1');
