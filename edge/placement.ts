import { limits } from '../shared/api.ts';
import { type Catalogue, openCatalogue } from '../shared/catalogue.ts';
import { openColumns } from '../shared/columns.ts';
import { ReleaseError } from '../shared/errors.ts';
import type { Neighbours } from '../shared/neighbours.ts';
import { layOut, type Manifest, neighboursLayout } from '../shared/release.ts';
import { filterBytes, type PlacedColumns } from './filter.ts';
import { type PlacedTable, placeTable, type Scratch, scratchSizes } from './kernel/kernel.ts';

/** Where the parts of a release lie, in bytes from the start of its region: files by name, and work space. */
export interface Plan {
  readonly byteLength: number;
  readonly files: ReadonlyMap<string, Span>;
  readonly work: ReadonlyMap<string, Span>;
}

interface Span {
  readonly offset: number;
  readonly bytes: number;
}

/** Views and addresses of a release's parts. They hold until memory grows or moves. */
export interface Placed {
  readonly catalogue: Catalogue;
  readonly artifact: PlacedArtifact;
  readonly ranker: PlacedRanker | undefined;
  /** What requests can filter by; absent where no item has an attribute. */
  readonly columns: PlacedColumns | undefined;
}

/** Table and work space of a ranker. */
export interface PlacedRanker {
  readonly items: PlacedTable;
  readonly scratch: Pick<Scratch, 'indices' | 'gathered'>;
}

/** By what a release answers; the edge knows these shapes and no model's name. */
export type PlacedArtifact = PlacedEmbedding | PlacedNeighbours | { readonly kind: 'none' };

/** Tables and work space of an embedding artifact. */
export interface PlacedEmbedding {
  readonly kind: 'embedding';
  readonly items: PlacedTable;
  readonly history: PlacedTable;
  readonly scratch: Scratch;
}

/** Views of a neighbours artifact. */
export interface PlacedNeighbours {
  readonly kind: 'neighbours';
  readonly neighbours: Neighbours;
  /** Work space: one float32 a row. */
  readonly scores: Float32Array;
}

/** Lays out a release's binary files and its work space, from the manifest alone. */
export function planRelease(manifest: Manifest): Plan {
  const { artifact, catalogue, columns, ranker } = manifest;
  const rows = catalogue.items + 1;
  const files: Record<string, number> = { [catalogue.file]: bytesOf(manifest, catalogue.file) };
  let work: Record<string, number> = {};
  if (artifact.kind === 'embedding') {
    for (const { file } of [artifact.items, artifact.history]) files[file] = bytesOf(manifest, file);
    const dimensions = Math.max(artifact.items.dimensions, artifact.history.dimensions);
    const gathered = Math.max(manifest.maxHistory, limits.limit);
    work = scratchSizes(rows, dimensions, gathered, limits.limit);
  } else if (artifact.kind === 'neighbours') {
    files[artifact.file] = bytesOf(manifest, artifact.file);
    work = { scores: rows * 4 };
  }
  if (ranker !== undefined) {
    files[ranker.items.file] = bytesOf(manifest, ranker.items.file);
    const gathered = Math.max(limits.limit, ranker.maxHistory);
    work['ranker.indices'] = gathered * 4;
    work['ranker.gathered'] = gathered * ranker.items.dimensions * 4;
  }
  if (columns !== undefined) {
    files[columns.file] = bytesOf(manifest, columns.file);
    work['filter.bitmaps'] = filterBytes(rows);
  }
  const laid = layOut({ files: layOut(files).byteLength, work: layOut(work).byteLength });
  return {
    byteLength: laid.byteLength,
    files: spans(layOut(files), laid.files.offset),
    work: spans(layOut(work), laid.work.offset),
  };
}

const spans = (
  { byteLength, ...sections }: Record<string, Span> & { byteLength: number },
  start: number,
): Map<string, Span> =>
  new Map(
    Object.entries(sections as Record<string, Span>).map(([name, { offset, bytes }]) => [
      name,
      { offset: start + offset, bytes },
    ]),
  );

/** @throws ReleaseError when the manifest lists no such file */
export function bytesOf(manifest: Manifest, file: string): number {
  const entry = manifest.files[file];
  if (entry === undefined) throw new ReleaseError(`manifest: expected a file ${file}, found none`);
  return entry.bytes;
}

/**
 * Finds a release's parts in memory, `address` being where its region starts now.
 * @throws ReleaseError when the catalogue's bytes are none
 */
export function placeRelease(manifest: Manifest, plan: Plan, buffer: ArrayBuffer, address: number): Placed {
  const { columns, ranker } = manifest;
  const file = manifest.catalogue.file;
  const at = (spans: Plan['files'], name: string): number => address + spans.get(name)!.offset;
  const catalogue = openCatalogue(new Uint8Array(buffer, at(plan.files, file), plan.files.get(file)!.bytes));
  const rows = manifest.catalogue.items + 1;
  if (catalogue.rows !== rows) {
    throw new ReleaseError(`${file}: expected ${rows} rows, found ${catalogue.rows}`);
  }
  const work = (name: string): number => at(plan.work, name);
  const placedRanker = ranker && {
    items: placeTable(ranker.items, at(plan.files, ranker.items.file)),
    scratch: { indices: work('ranker.indices'), gathered: work('ranker.gathered') },
  };
  const placedColumns = (entries: NonNullable<Manifest['columns']>): PlacedColumns => {
    const start = at(plan.files, entries.file);
    const bytes = new Uint8Array(buffer, start, plan.files.get(entries.file)!.bytes);
    const opened = openColumns(bytes, entries.entries, rows);
    return { columns: opened, rows, file: start, bitmaps: work('filter.bitmaps') };
  };
  return {
    catalogue,
    columns: columns && placedColumns(columns),
    artifact: placeArtifact(manifest, buffer, (name) => at(plan.files, name), work),
    ranker: placedRanker,
  };
}

/** `file` and `work` are addresses by name. */
function placeArtifact(
  { artifact }: Manifest,
  buffer: ArrayBuffer,
  file: (name: string) => number,
  work: (name: string) => number,
): PlacedArtifact {
  switch (artifact.kind) {
    case 'none':
      return artifact;
    case 'embedding':
      return {
        kind: 'embedding',
        items: placeTable(artifact.items, file(artifact.items.file)),
        history: placeTable(artifact.history, file(artifact.history.file)),
        scratch: {
          query: work('query'),
          excluded: work('excluded'),
          heap: work('heap'),
          ranked: work('ranked'),
          indices: work('indices'),
          gathered: work('gathered'),
        },
      };
    case 'neighbours': {
      const { rows, width } = artifact;
      const start = file(artifact.file);
      const sections = neighboursLayout(artifact);
      const neighbours: Neighbours = {
        rows,
        width,
        items: new Uint32Array(buffer, start + sections.items.offset, rows * width),
        weights: new Float32Array(buffer, start + sections.weights.offset, rows * width),
      };
      return { kind: 'neighbours', neighbours, scores: new Float32Array(buffer, work('scores'), rows) };
    }
    default:
      return artifact satisfies never;
  }
}
