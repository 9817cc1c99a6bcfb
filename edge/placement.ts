import { limits } from '../shared/api.ts';
import { type Catalogue, openCatalogue } from '../shared/catalogue.ts';
import { ReleaseError } from '../shared/errors.ts';
import type { Neighbours } from '../shared/neighbours.ts';
import { layOut, type Manifest, neighboursLayout } from '../shared/release.ts';
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
  const { artifact, catalogue } = manifest;
  const rows = catalogue.items + 1;
  const files: Record<string, number> = { [catalogue.file]: bytesOf(manifest, catalogue.file) };
  let work: Record<string, number> = {};
  if (artifact.kind === 'embedding') {
    for (const { file } of [artifact.items, artifact.history]) files[file] = bytesOf(manifest, file);
    const dimensions = Math.max(artifact.items.dimensions, artifact.history.dimensions);
    work = scratchSizes(rows, dimensions, manifest.maxHistory, limits.limit);
  } else if (artifact.kind === 'neighbours') {
    files[artifact.file] = bytesOf(manifest, artifact.file);
    work = { scores: rows * 4 };
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
  const { artifact } = manifest;
  const file = manifest.catalogue.file;
  const at = (spans: Plan['files'], name: string): number => address + spans.get(name)!.offset;
  const catalogue = openCatalogue(new Uint8Array(buffer, at(plan.files, file), plan.files.get(file)!.bytes));
  const rows = manifest.catalogue.items + 1;
  if (catalogue.rows !== rows) {
    throw new ReleaseError(`${file}: expected ${rows} rows, found ${catalogue.rows}`);
  }
  if (artifact.kind === 'none') return { catalogue, artifact };
  if (artifact.kind === 'embedding') {
    const placed: PlacedEmbedding = {
      kind: 'embedding',
      items: placeTable(artifact.items, at(plan.files, artifact.items.file)),
      history: placeTable(artifact.history, at(plan.files, artifact.history.file)),
      scratch: Object.fromEntries(
        [...plan.work.keys()].map((name) => [name, at(plan.work, name)]),
      ) as Scratch,
    };
    return { catalogue, artifact: placed };
  }
  const start = at(plan.files, artifact.file);
  const sections = neighboursLayout(artifact);
  const entries = artifact.rows * artifact.width;
  const neighbours: Neighbours = {
    rows,
    width: artifact.width,
    items: new Uint32Array(buffer, start + sections.items.offset, entries),
    weights: new Float32Array(buffer, start + sections.weights.offset, entries),
  };
  const scores = new Float32Array(buffer, at(plan.work, 'scores'), rows);
  return { catalogue, artifact: { kind: 'neighbours', neighbours, scores } };
}
