import type { DataConfig, EventSource, ItemSource } from '../config.ts';
import { addItems } from './add-items.ts';
import { type Cleaned, cleanEvents } from './clean.ts';
import { type Dataset, fingerprintOf } from './dataset.ts';
import { type Database, openDatabase } from './duckdb.ts';
import { type EventKinds, eventKindsOf } from './events.ts';
import { type ItemTable, readItems } from './items.ts';
import type { NumberedEvents, OptionalColumns } from './numbering.ts';
import { duplicateCheck, ruleChecks, sizeChecks, userChecks } from './quality/event-checks.ts';
import { conflictCheck, coverageChecks, tailChecks, titleCheck } from './quality/item-checks.ts';
import { type Audit, auditSource } from './quality/profile.ts';
import { sourceChecks } from './quality/source-checks.ts';
import { stagedChecks } from './quality/staged-checks.ts';
import { timeChecks } from './quality/time-checks.ts';
import { assertQuality, type QualityCheck, type QualityReport, qualityReport } from './quality.ts';
import { type IngestContext, type Opened, openAll, optionalColumns, readEvents } from './read-events.ts';
import { reading } from './source.ts';

export type { IngestContext } from './read-events.ts';
export { loadTestEvents } from './test-events.ts';

export interface Ingested {
  readonly dataset: Dataset;
  readonly quality: QualityReport;
  /** sha256 of the dataset's content: equal events, equal fingerprint, wherever and whenever they were read. */
  readonly fingerprint: string;
}

/**
 * Reads, cleans and numbers the events and items that a config names.
 * @throws DataError for a source that cannot be read or an expression that does not fit it; DataQualityError, with
 *   the report, for data that fail a threshold
 */
export async function loadDataset(config: DataConfig, context: IngestContext): Promise<Ingested> {
  const kinds = eventKindsOf(config);
  await using database = await openDatabase(context.signal);
  context.progress('opening sources', 0);
  const events = await openAll(database, toArray(config.events), 'events', context);
  const items = await openAll(database, toArray(config.items ?? []), 'items', context);
  const has = optionalColumns(events);
  const audits = {
    events: await auditAll(database, events, context, 0.05),
    items: await auditAll(database, items, context, 0.2),
  };
  const staged: QualityCheck[] = [];
  const numbered = await readEvents(database, events, kinds, context, async () => {
    staged.push(...(await stagedChecks(database, events, has, kinds, config.quality)));
  });
  const cleaned = cleanEvents(numbered, { ...config, weights: kinds.weights });
  context.progress('reading items', 0.85);
  const table = await readItems(database, items);
  const titles = await Promise.all(items.map(({ open, columns }) => titleCheck(database, open, columns)));
  const dataset = withAttributes(
    config.itemsWithoutEvents === 'keep' ? withNewItems(cleaned.dataset, table, numbered) : cleaned.dataset,
    table,
  );
  context.progress('checking', 0.95);
  const quality = qualityReport(dataset, [...audits.events, ...audits.items], sum(audits.events), [
    ...sourceChecks(audits.events, 'events', config.quality),
    ...staged,
    ...eventChecks({ numbered, cleaned, has, kinds }, config, context),
    ...tailChecks(dataset),
    ...sourceChecks(audits.items, 'items', config.quality),
    ...titles.flat(),
    ...(items.length > 0
      ? [...coverageChecks(dataset, table, attributeNames(items)), ...conflictCheck(table.conflicts)]
      : []),
  ]);
  assertQuality(quality);
  return { dataset, quality, fingerprint: fingerprintOf(dataset) };
}

const toArray = <T>(value: T | readonly T[]): readonly T[] =>
  Array.isArray(value) ? (value as readonly T[]) : [value as T];

const attributeNames = (items: readonly Opened<ItemSource>[]): string[] => {
  const names = items.flatMap(({ columns: { itemId: _, attributes = {}, ...known } }) =>
    Object.keys({ ...known, ...attributes }),
  );
  return [...new Set(names)];
};

const sum = (audits: readonly Audit[]): number =>
  audits.reduce((total, { profile }) => total + profile.rows, 0);

async function auditAll(
  database: Database,
  sources: readonly Opened<EventSource | ItemSource>[],
  context: IngestContext,
  fraction: number,
): Promise<Audit[]> {
  const audits: Audit[] = [];
  for (const { open } of sources) {
    context.progress(`looking over ${open.name}`, fraction);
    audits.push(await reading(open.name, () => auditSource(database, open)));
  }
  return audits;
}

interface Read {
  readonly numbered: NumberedEvents;
  readonly cleaned: Cleaned;
  readonly has: OptionalColumns;
  readonly kinds: EventKinds;
}

function eventChecks(
  { numbered, cleaned, has, kinds }: Read,
  config: DataConfig,
  { now = new Date() }: IngestContext,
): QualityCheck[] {
  const { dataset } = cleaned;
  const { quality } = config;
  return [
    ...sizeChecks(cleaned, config),
    duplicateCheck(numbered, kinds.names.length, quality.duplicates),
    ...ruleChecks(cleaned, numbered.items.length),
    ...(has.time ? timeChecks(dataset, now.getTime() / 1000, quality) : []),
    ...userChecks(dataset, has.time, quality),
  ];
}

/** What the minimums have dropped is known, and so not new. */
function withNewItems(dataset: Dataset, { attributes }: ItemTable, { itemIds }: NumberedEvents): Dataset {
  const known = new Set(itemIds);
  return addItems(
    dataset,
    [...attributes.keys()].filter((itemId) => !known.has(itemId)),
  );
}

const withAttributes = (dataset: Dataset, { attributes, features }: ItemTable): Dataset => ({
  ...dataset,
  attributes: dataset.itemIds.map((itemId) => attributes.get(itemId)),
  ...(features && { features: dataset.itemIds.map((itemId) => features.get(itemId) ?? []) }),
});
