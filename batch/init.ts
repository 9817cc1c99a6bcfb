import { access } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '../shared/errors.ts';
import { type Database, identifier, openDatabase } from './data/duckdb.ts';
import { askFor, type Interview } from './init/ask.ts';
import { guessColumn, guessWeight, nameColumns, nameItemColumns, type Role } from './init/guess.ts';
import { type Inspected, inspectFile } from './init/inspect.ts';
import { configText, type SourceAnswers } from './init/template.ts';
import { writeWhole } from './write-whole.ts';

/** Flags of `perigee init`, for `util.parseArgs`; whatever is left out is guessed from the file, or asked. */
export const initFlags = {
  events: { type: 'string' },
  items: { type: 'string' },
  name: { type: 'string' },
  'user-id': { type: 'string' },
  'item-id': { type: 'string' },
  time: { type: 'string' },
  kind: { type: 'string' },
  'basket-id': { type: 'string' },
  title: { type: 'string' },
  categories: { type: 'string' },
  price: { type: 'string' },
  available: { type: 'string' },
  force: { type: 'boolean' },
} as const;

export interface InitOptions
  extends Partial<Record<Exclude<keyof typeof initFlags, 'force'>, string | undefined>> {
  /** The file to write. */
  readonly config: string;
  /** Where relative paths in the config will start; left out, beside the config. */
  readonly data?: string | undefined;
  /** Whether an existing file may be replaced. */
  readonly force?: boolean | undefined;
}

/**
 * Writes a commented config for the user's own data: columns, delimiter, encoding and kinds are guessed from the
 * files; where a person sits at the terminal, asked.
 * @throws ConfigError for an existing file, a missing answer, a column that is not there
 */
export async function init(options: InitOptions, interview: Interview = askFor(process)): Promise<void> {
  const target = path.resolve(options.config);
  if (options.force !== true && (await exists(target))) {
    throw new ConfigError(`${target} exists; --force replaces it, --config names another file`);
  }
  const baseDirectory = path.resolve(options.data ?? path.dirname(target));
  await using database = await openDatabase(new AbortController().signal);
  const session: Session = { database, baseDirectory, options, interview };

  interview.open('A config for your own events');
  const events = await eventAnswers(session);
  const eventKinds = await kindsOf(session, events);
  const items = await itemAnswers(session);
  const name = options.name ?? (await interview.text('What is recommended?', path.basename(baseDirectory)));
  const toModule = path.relative(path.dirname(target), path.join(import.meta.dirname, 'config.ts'));
  const configModule = toModule.startsWith('.') ? toModule : `./${toModule}`;
  const text = configText({
    name,
    events,
    configModule,
    ...(items && { items }),
    ...(eventKinds && { eventKinds }),
  });
  await writeWhole(target, text);
  const again = options.data === undefined ? '' : ` --data ${options.data}`;
  interview.close(
    `Wrote ${path.relative(process.cwd(), target)}. Now: npm start -- --config ${options.config}${again}`,
  );
}

interface Session {
  readonly database: Database;
  readonly baseDirectory: string;
  readonly options: InitOptions;
  readonly interview: Interview;
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

async function eventAnswers(session: Session): Promise<SourceAnswers> {
  const { options, interview } = session;
  const given = options.events ?? (await interview.text('The file of events (a path or a pattern)?'));
  const file = await inspect(session, given);
  const columnNames = file.header === false ? nameColumns(file.columns) : undefined;
  const source = { path: given, file: named(file, columnNames), ...(columnNames && { columnNames }) };
  const columns: Record<string, string | undefined> = {};
  for (const [role, flag, question] of eventRoles) {
    columns[role] = await column(session, source.file, role, options[flag], question, Object.values(columns));
  }
  return { ...source, columns };
}

const eventRoles = [
  ['userId', 'user-id', 'Which column is the user?'],
  ['itemId', 'item-id', 'Which column is the item?'],
  ['time', 'time', 'Which column is the time?'],
  ['kind', 'kind', 'Which column is the kind of event (view, purchase, …)?'],
  ['basketId', 'basket-id', 'Which column says what was bought together (an invoice)?'],
] as const;

async function itemAnswers(session: Session): Promise<SourceAnswers | undefined> {
  const { options, interview } = session;
  const given = options.items ?? (await interview.text('A file of items, with titles? (empty: none)', ''));
  if (given === '') return undefined;
  const file = await inspect(session, given);
  const columnNames = file.header === false ? nameItemColumns(file.columns) : undefined;
  const source = { path: given, file: named(file, columnNames), ...(columnNames && { columnNames }) };
  // One flag names the id in both files where both call it the same.
  const flaggedId = source.file.columns.find(({ name }) => name === options['item-id'])?.name;
  const itemId = await column(session, source.file, 'itemId', flaggedId, 'Which column is the item?', []);
  const columns: Record<string, string | undefined> = { itemId };
  for (const role of ['title', 'categories', 'price', 'url', 'image', 'available'] as const) {
    const flag = role === 'url' || role === 'image' ? undefined : options[role];
    columns[role] =
      flagged(source.file, role, flag) ?? guessColumn(role, source.file.columns, Object.values(columns));
  }
  return { ...source, columns };
}

const inspect = (session: Session, file: string): Promise<Inspected> =>
  inspectFile(session.database, file, session.baseDirectory);

const named = (file: Inspected, names: readonly string[] | undefined): Inspected =>
  names === undefined
    ? file
    : { ...file, columns: file.columns.map((column, i) => ({ ...column, name: names[i]! })) };

/** The column that a flag names. @throws ConfigError when there is none of that name */
function flagged({ columns }: Inspected, role: Role, flag: string | undefined): string | undefined {
  const names = columns.map(({ name }) => name);
  if (flag === undefined || names.includes(flag)) return flag;
  throw new ConfigError(`no column '${flag}' for ${role}; the file has ${names.join(', ')}`);
}

/** A column for a role: as the flag says, as the person chooses, as guessed. Users and items must have one. */
async function column(
  { interview }: Session,
  file: Inspected,
  role: Role,
  flag: string | undefined,
  question: string,
  taken: readonly (string | undefined)[],
): Promise<string | undefined> {
  const names = file.columns.map(({ name }) => name);
  const needed = role === 'userId' || role === 'itemId';
  const guess = flagged(file, role, flag) ?? guessColumn(role, file.columns, taken);
  const answer = flag ?? (await interview.choose(question, names, guess, needed));
  if (answer !== undefined || !needed) return answer;
  const option = role === 'userId' ? '--user-id' : '--item-id';
  throw new ConfigError(`which column is the ${role}? ${option} names it; the file has ${names.join(', ')}`);
}

/** The kinds that the first rows hold, each with a weight guessed from its name. */
async function kindsOf(
  { database }: Session,
  events: SourceAnswers,
): Promise<Record<string, number> | undefined> {
  if (events.columns['kind'] === undefined) return undefined;
  const position = events.file.columns.findIndex(({ name }) => name === events.columns['kind']);
  const [described] = (await database.rows('DESCRIBE FROM inspected')).slice(position);
  const rows = await database.rows(`
    SELECT CAST(${identifier(String(described?.['column_name']))} AS VARCHAR) AS kind, count(*) AS events
    FROM inspected GROUP BY ALL HAVING kind IS NOT NULL ORDER BY events DESC, kind LIMIT 10`);
  return Object.fromEntries(rows.map(({ kind }) => [String(kind), guessWeight(String(kind))]));
}
