import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { EventSource, ItemSource } from '../config.ts';
import { type Database, literal, type Row } from './duckdb.ts';

/** A column of a source. */
export interface Column {
  readonly name: string;
  /** DuckDB's type. */
  readonly type: string;
}

/** How to read a source's files, once it is known what is in them. */
export interface Reader {
  readonly columns: readonly Column[];
  /** Whether a column can be read as the text that the files have. Parquet has its types from its writer. */
  readonly isText: boolean;
  /** Of a csv. */
  readonly dialect?: { readonly delimiter: string; readonly header: boolean };
  /**
   * SQL that reads the files in order, for a FROM clause.
   * @param asText names of columns to be read as text
   * @param malformed lines of a csv that make no row: left out, or kept in {@link rejectsTable} besides
   */
  from(asText: readonly string[], malformed: 'leave out' | 'record'): string;
}

/** DuckDB's own table of lines that a csv reader could not make a row of. */
export const rejectsTable = 'malformed_lines';

type FileOptions = Pick<
  EventSource | ItemSource,
  'path' | 'format' | 'delimiter' | 'header' | 'columnNames' | 'encoding'
>;

/** Parquet and JSON by their extension; everything else is delimited text. */
export function formatOf(source: Pick<FileOptions, 'path' | 'format'>): 'csv' | 'jsonl' | 'parquet' {
  const extension = path.extname(source.path.replace(/\.(gz|zst)$/i, '')).toLowerCase();
  if (source.format !== undefined) return source.format;
  if (['.parquet', '.pq'].includes(extension)) return 'parquet';
  return ['.jsonl', '.ndjson', '.json'].includes(extension) ? 'jsonl' : 'csv';
}

/** Looks into the files. @throws SqlError where they cannot be read */
export async function openReader(
  database: Database,
  source: FileOptions,
  files: readonly string[],
): Promise<Reader> {
  const format = formatOf(source);
  if (format === 'csv') return openCsv(database, source, files);
  // Columns that only some files have are null in the others.
  const list = `[${files.map(fileLiteral).join(', ')}], union_by_name = ${files.length > 1}`;
  if (format === 'parquet') {
    const from = `read_parquet(${list})`;
    return { columns: await describe(database, from), isText: false, from: () => from };
  }
  const plain = `read_json(${list}, format = 'auto')`;
  const columns = await describe(database, plain);
  const from = (asText: readonly string[]): string =>
    asText.length === 0
      ? plain
      : `read_json(${list}, format = 'auto', columns = ${typesLiteral(columns, asText)})`;
  return { columns, isText: true, from };
}

/**
 * A csv's dialect and columns are found once and then told, since finding them takes as long as reading 20,000
 * lines. Files that differ in them are read apart and brought together by their columns' names.
 */
async function openCsv(database: Database, source: FileOptions, files: readonly string[]): Promise<Reader> {
  const groups: { readonly files: string[]; readonly found: Found }[] = [];
  for (const file of files) {
    const found = await sniff(database, source, file);
    const last = groups.at(-1);
    if (last !== undefined && isDeepStrictEqual(found, last.found)) last.files.push(file);
    else groups.push({ files: [file], found });
  }
  const from: Reader['from'] = (asText, malformed) => {
    const faults =
      malformed === 'record'
        ? `store_rejects = true, rejects_table = ${literal(rejectsTable)}, rejects_scan = 'malformed_scans'`
        : 'ignore_errors = true';
    const reads = groups.map(({ files: own, found: { dialect, columns } }) => {
      const list = own.map(fileLiteral).join(', ');
      return `read_csv([${list}], ${dialect}, columns = ${typesLiteral(columns, asText)}, ${faults})`;
    });
    return reads.length === 1
      ? reads[0]!
      : `(${reads.map((read) => `FROM ${read}`).join(' UNION ALL BY NAME ')})`;
  };
  const { columns, delimiter, header } = groups[0]!.found;
  return {
    columns: groups.length === 1 ? columns : await describe(database, from([], 'leave out')),
    isText: true,
    dialect: { delimiter, header },
    from,
  };
}

interface Found {
  readonly columns: readonly Column[];
  readonly delimiter: string;
  readonly header: boolean;
  /** Options of read_csv. */
  readonly dialect: string;
}

async function sniff(database: Database, source: FileOptions, file: string): Promise<Found> {
  const header = source.header ?? (source.columnNames === undefined ? undefined : false);
  const options = [fileLiteral(file)];
  if (source.encoding === 'latin-1') options.push("encoding = 'latin-1'");
  if (source.delimiter !== undefined) options.push(`delim = ${literal(source.delimiter)}`);
  if (header !== undefined) options.push(`header = ${header}`);
  if (source.columnNames !== undefined) {
    options.push(`names = [${source.columnNames.map(literal).join(', ')}]`);
  }
  const row = await database.row(`FROM sniff_csv(${options.join(', ')})`);
  return {
    columns: (row['Columns'] as unknown as Column[]).map(({ name, type }) => ({ name, type })),
    delimiter: String(row['Delimiter']),
    header: row['HasHeader'] === true,
    dialect: dialectOptions(row, source).join(', '),
  };
}

function dialectOptions(found: Row, { encoding }: FileOptions): string[] {
  const delimiter = String(found['Delimiter']);
  const given = (name: string): string => (found[name] === '(empty)' ? '' : String(found[name]));
  // Where the first lines have no quotes, later ones may: commas are quoted as RFC 4180 says.
  const isQuotable = delimiter === ',' || delimiter === ';';
  const quote = given('Quote') || (isQuotable ? '"' : '');
  const options = [
    'auto_detect = false',
    `encoding = ${literal(encoding)}`,
    `delim = ${literal(delimiter)}`,
    `quote = ${literal(quote)}`,
    `escape = ${literal(given('Escape') || quote)}`,
    `header = ${found['HasHeader']}`,
    `skip = ${found['SkipRows']}`,
  ];
  if (found['DateFormat'] !== null) options.push(`dateformat = ${literal(String(found['DateFormat']))}`);
  if (found['TimestampFormat'] !== null) {
    options.push(`timestampformat = ${literal(String(found['TimestampFormat']))}`);
  }
  return options;
}

/** A file's name as DuckDB takes it: brackets and stars in it are no pattern. */
const fileLiteral = (file: string): string => literal(file.replaceAll(/[*?[]/g, '[$&]'));

const typesLiteral = (columns: readonly Column[], asText: readonly string[]): string =>
  `{${columns
    .map(({ name, type }) => `${literal(name)}: ${literal(asText.includes(name) ? 'VARCHAR' : type)}`)
    .join(', ')}}`;

async function describe(database: Database, from: string): Promise<Column[]> {
  const rows = await database.rows(`DESCRIBE FROM ${from}`);
  return rows.map((row) => ({ name: String(row['column_name']), type: String(row['column_type']) }));
}
