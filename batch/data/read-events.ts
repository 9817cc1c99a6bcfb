import type { EventSource, ItemSource } from '../config.ts';
import type { Database } from './duckdb.ts';
import { createStaging, type EventKinds, stageEvents } from './events.ts';
import { type NumberedEvents, numberEvents, type OptionalColumns } from './numbering.ts';
import { type OpenSource, openSource, reading, type SourceContext } from './source.ts';

/** What surrounds an ingestion. */
export interface IngestContext extends SourceContext {
  progress(message: string, fraction: number): void;
  /** What counts as the future; left out, the present. */
  readonly now?: Date | undefined;
}

export interface Opened<T extends EventSource | ItemSource> {
  readonly open: OpenSource;
  readonly columns: T['columns'];
}

export async function openAll<T extends EventSource | ItemSource>(
  database: Database,
  sources: readonly T[],
  role: 'events' | 'items' | 'test events',
  context: SourceContext,
): Promise<Opened<T>[]> {
  const opened: Opened<T>[] = [];
  for (const source of sources) {
    opened.push({ open: await openSource(database, source, role, context), columns: source.columns });
  }
  return opened;
}

export const optionalColumns = (events: readonly Opened<EventSource>[]): OptionalColumns => ({
  time: events.some(({ columns }) => columns.time !== undefined),
  basketId: events.some(({ columns }) => columns.basketId !== undefined),
  context: [...new Set(events.flatMap(({ columns }) => Object.keys(columns.context ?? {})))],
});

/**
 * Reads the rows of every source, in order, into numbered events.
 * @param inspect is called while the rows lie in the staging table, with their ids as text
 */
export async function readEvents(
  database: Database,
  events: readonly Opened<EventSource>[],
  kinds: EventKinds,
  context: IngestContext,
  inspect: () => Promise<void> = async () => {},
): Promise<NumberedEvents> {
  const has = optionalColumns(events);
  await createStaging(database, has.context);
  for (const [i, { open, columns }] of events.entries()) {
    context.progress(`reading ${open.name}`, 0.25 + (0.25 * i) / events.length);
    await reading(open.name, () => stageEvents(database, open, columns, kinds, has.context));
  }
  await inspect();
  return numberEvents(database, has, (fraction) => context.progress('sorting events', 0.5 + 0.35 * fraction));
}
