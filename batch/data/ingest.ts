import { createHash } from 'node:crypto';
import { canonicalJson } from '../../shared/canonical-json.ts';
import type { DataConfig, EventSource, ItemSource } from '../config.ts';
import { cleanEvents } from './clean.ts';
import type { Dataset } from './dataset.ts';
import { type Database, openDatabase } from './duckdb.ts';
import { createStaging, eventKindsOf, stageEvents } from './events.ts';
import { type ItemTable, readItems } from './items.ts';
import { numberEvents } from './numbering.ts';
import { type OpenSource, openSource, type SourceContext } from './source.ts';

/** What surrounds an ingestion. */
export interface IngestContext extends SourceContext {
  progress(message: string, fraction: number): void;
}

export interface Ingested {
  readonly dataset: Dataset;
  /** sha256 of the dataset's content: equal events, equal fingerprint, wherever and whenever they were read. */
  readonly fingerprint: string;
}

/**
 * Reads, cleans and numbers the events and items that a config names.
 * @throws DataError for a source that cannot be read, an expression that does not fit it, or data that fails a
 *   quality threshold
 */
export async function loadDataset(config: DataConfig, context: IngestContext): Promise<Ingested> {
  const kinds = eventKindsOf(config);
  await using database = await openDatabase(context.signal);
  context.progress('opening sources', 0);
  const events = await openAll(database, toArray(config.events), 'events', context);
  const items = await openAll(
    database,
    config.items === undefined ? [] : toArray(config.items),
    'items',
    context,
  );
  await createStaging(database);
  for (const [i, { open, columns }] of events.entries()) {
    context.progress(`reading ${open.name}`, 0.05 + (0.45 * i) / events.length);
    await stageEvents(database, open, columns, kinds);
  }
  const has = {
    time: events.some(({ columns }) => columns.time !== undefined),
    basketId: events.some(({ columns }) => columns.basketId !== undefined),
  };
  context.progress('sorting events', 0.5);
  const numbered = await numberEvents(database, has, (fraction) =>
    context.progress('sorting events', 0.5 + 0.3 * fraction),
  );
  const { dataset: cleaned } = cleanEvents(numbered, { ...config, weights: kinds.weights });
  context.progress('reading items', 0.85);
  const table = await readItems(database, items);
  const dataset = withAttributes(cleaned, table);
  return { dataset, fingerprint: fingerprintOf(dataset) };
}

const toArray = <T>(value: T | readonly T[]): readonly T[] =>
  Array.isArray(value) ? (value as readonly T[]) : [value as T];

async function openAll<T extends EventSource | ItemSource>(
  database: Database,
  sources: readonly T[],
  role: 'events' | 'items',
  context: SourceContext,
): Promise<{ open: OpenSource; columns: T['columns'] }[]> {
  const opened: { open: OpenSource; columns: T['columns'] }[] = [];
  for (const source of sources) {
    opened.push({ open: await openSource(database, source, role, context), columns: source.columns });
  }
  return opened;
}

const withAttributes = (dataset: Dataset, table: ItemTable): Dataset => ({
  ...dataset,
  attributes: dataset.itemIds.map((itemId) => table.attributes.get(itemId)),
});

/** sha256 over every column of a dataset, in order. */
export function fingerprintOf(dataset: Dataset): string {
  const hash = createHash('sha256');
  for (const ids of [dataset.userIds, dataset.itemIds, dataset.attributes]) hash.update(canonicalJson(ids));
  const { offsets, items, times, weights, baskets } = dataset;
  for (const column of [offsets, items, times, weights, ...(baskets === undefined ? [] : [baskets])]) {
    hash.update(`${column.constructor.name} ${column.length}`);
    hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  }
  return hash.digest('hex');
}
