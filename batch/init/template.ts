import { commaNumber, dottedTime, type Inspected } from './inspect.ts';

/** What a config file is written from. */
export interface Answers {
  readonly name: string;
  readonly events: SourceAnswers;
  readonly items?: SourceAnswers;
  /** Weight of each kind of event, 0 for those to leave out; absent where events have no kind. */
  readonly eventKinds?: Readonly<Record<string, number>>;
  /** Module that exports defineConfig, as the config file must import it. */
  readonly configModule: string;
}

export interface SourceAnswers {
  readonly path: string;
  readonly file: Inspected;
  /** Of a file without a header. */
  readonly columnNames?: readonly string[];
  /** Column of each role; undefined where none plays it. */
  readonly columns: Readonly<Record<string, string | undefined>>;
}

const quote = (text: string): string =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\t', '\\t').replaceAll('\n', '\\n')}'`;

/** Column names that SQL takes for something else. */
const reserved =
  /^(all|asc|case|default|desc|end|from|group|in|limit|offset|order|select|table|to|user|when|where)$/i;

/** A column's name inside of an SQL expression; by itself, the config takes any name as it is. */
const sql = (name: string): string =>
  /^[A-Za-z_]\w*$/.test(name) && !reserved.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name));

function sourceLines({ path, file, columnNames }: SourceAnswers): string[] {
  const lines = [`path: ${quote(path)},`];
  if (file.format !== 'csv') return lines;
  if (file.delimiter !== undefined && file.delimiter !== ',')
    lines.push(`delimiter: ${quote(file.delimiter)},`);
  if (columnNames !== undefined) lines.push(`columnNames: [${columnNames.map(quote).join(', ')}],`);
  else lines.push('header: true,');
  if (file.encoding !== 'utf-8') lines.push(`encoding: ${quote(file.encoding)},`);
  return lines;
}

const columnLines = (
  { columns, file }: SourceAnswers,
  toSql: (column: string, role: string, file: Inspected) => string = (column, role, of) =>
    readingOf(column, role, of) ?? column,
): string[] =>
  Object.entries(columns).flatMap(([role, column]) =>
    column === undefined ? [] : [`  ${role}: ${quote(toSql(column, role, file))},`],
  );

/** SQL for a column that is not read as it stands. */
function readingOf(column: string, role: string, { columns }: Inspected): string | undefined {
  const found = columns.find(({ name }) => name === column);
  if (role === 'time' && found?.isDottedTime) return dottedTime(sql(column));
  return role === 'price' && found?.isCommaNumber ? commaNumber(sql(column)) : undefined;
}

/** Where an item has several rows, the commonest value stands, of a price the middle one. */
function overRows(column: string, role: string, file: Inspected): string {
  if (role === 'itemId') return column;
  const value = readingOf(column, role, file) ?? sql(column);
  return role === 'price' ? `median(${value})` : `mode(${value})`;
}

const indent = (lines: readonly string[], by: number): string =>
  lines.map((line) => `${' '.repeat(by)}${line}`).join('\n');

function itemLines(answers: Answers): string {
  if (answers.items === undefined) {
    return `    // What is known of items: titles appear on the page and in the report.
    // items: { path: 'items.csv', columns: { itemId: 'id', title: 'title', categories: 'genres', price: 'price' } },`;
  }
  const { items } = answers;
  const unique = items.file.columns.find(({ name }) => name === items.columns['itemId'])?.distinct === 1;
  const note = unique
    ? "One row an item. Where a file has several, aggregates choose: 'mode(title)', 'median(price)'."
    : 'The file has several rows for an item: the commonest value stands, of a price the middle one.';
  const columns = columnLines(items, unique ? undefined : overRows);
  return `    // ${note}
    items: {
${indent([...sourceLines(items), 'columns: {', ...columns, '},'], 6)}
    },`;
}

function kindLines({ eventKinds }: Answers): string {
  if (eventKinds === undefined) {
    return `    // What an event is worth. With a kind column: { view: 0.2, cart: 0.5, purchase: 1 }; other kinds are dropped.
    eventKinds: { interaction: 1 },`;
  }
  const all = Object.entries(eventKinds);
  const kinds = all.filter(([, weight]) => weight > 0).map(([kind, weight]) => `${key(kind)}: ${weight}`);
  const refused = all.filter(([, weight]) => weight === 0).map(([kind]) => quote(kind));
  const note =
    refused.length === 0 ? '' : `\n    // Left out, since they take a choice back: ${refused.join(', ')}.`;
  return `    // What an event of each kind is worth; events of other kinds are dropped, and reported.${note}
    eventKinds: { ${kinds.join(', ')} },`;
}

function splitLine(columns: Answers['events']['columns']): string {
  if (columns['basketId'] !== undefined) {
    return `  // Each user's last basket is the test. 'new': what the user has not had before; 'any': buying again counts too.
  split: { kind: 'last-basket', targets: 'new', minimumHistory: 5 },`;
  }
  if (columns['time'] !== undefined) {
    return `  // Each user's last event is the test. Others: 'time', 'held-out-users', 'last-basket', 'files' (docs/data.md).
  split: { kind: 'leave-one-out' },`;
  }
  return `  // Without times, whole users are held out and a fifth of their events is asked for.
  split: { kind: 'held-out-users' },`;
}

function whereLines({ file, columns }: SourceAnswers): string[] {
  const named = (pattern: RegExp) => file.columns.find(({ name }) => pattern.test(name))?.name;
  const rating = named(/^(rating|stars|score)$/i);
  const quantity = named(/^(quantity|qty|amount)$/i);
  const condition =
    rating !== undefined
      ? `${sql(rating)} >= 4`
      : quantity !== undefined
        ? `${sql(quantity)} > 0`
        : `${sql(columns['userId']!)} IS NOT NULL`;
  return ['// The rows to keep, as an SQL condition:', `// where: ${quote(condition)},`];
}

/** A channel's name from any text. */
const channelOf = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 60) || 'production';

/** The text of a config file. */
export function configText(answers: Answers): string {
  const { events } = answers;
  return `import { defineConfig } from ${quote(answers.configModule)};

/** Written by 'perigee init'. All settings, with their meaning: batch/config.ts; data: docs/data.md. */
export default defineConfig({
  name: ${quote(answers.name)},
  // What serves it: each thing that is recommended needs a channel, or a store, of its own.
  channel: ${quote(channelOf(answers.name))},
  data: {
    // One row an event. Columns are SQL expressions: a column's name, or 'lower(sku)', or "'shop-' || id".
    events: {
${indent([...sourceLines(events), ...whereLines(events), 'columns: {', ...columnLines(events), '},'], 6)}
    },
${itemLines(answers)}
${kindLines(answers)}
    // Users and items with fewer events are left out.
    minimumUserEvents: 3,
    minimumItemEvents: 3,
  },
${splitLine(events.columns)}
  evaluation: { at: [10, 20], primary: 'ndcg@10' },
  // Popularity, item-kNN and EASE always run; the best on the validation part is what the release serves.
  models: { 'two-tower': {} },
});
`;
}
