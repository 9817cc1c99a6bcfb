import type { DataConfig, EventSource } from '../config.ts';
import { cleanEvents } from './clean.ts';
import { alignTo, type Dataset } from './dataset.ts';
import { openDatabase } from './duckdb.ts';
import { eventKindsOf } from './events.ts';
import { type IngestContext, openAll, readEvents } from './read-events.ts';

/**
 * Reads the test events of a `files` split in the numbering of the dataset that they test; events of users or items
 * that are not in it are left out, and so is their context.
 * @throws DataError for a source that cannot be read or an expression that does not fit it
 */
export async function loadTestEvents(
  source: EventSource,
  config: DataConfig,
  dataset: Dataset,
  context: IngestContext,
): Promise<Dataset> {
  const kinds = eventKindsOf(config);
  await using database = await openDatabase(context.signal);
  const { context: _, ...columns } = source.columns;
  const events = await openAll(database, [{ ...source, columns }], 'test events', context);
  const numbered = await readEvents(database, events, kinds, context);
  const everything = { repeats: 'keep', minimumUserEvents: 1, minimumItemEvents: 1 } as const;
  return alignTo(dataset, cleanEvents(numbered, { ...everything, weights: kinds.weights }).dataset);
}
