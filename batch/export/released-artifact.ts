import { openCatalogue } from '../../shared/catalogue.ts';
import { ReleaseError } from '../../shared/errors.ts';
import { type Manifest, neighboursLayout, type Table } from '../../shared/release.ts';
import type { Artifact, RankerArtifact } from '../recommender.ts';
import { dequantise } from './quantise.ts';

/** A release read back: what `publishable` and `encodeCatalogue` wrote. */
export interface ReleasedModel {
  readonly artifact: Artifact;
  /** Absent in a release without one. */
  readonly ranker?: RankerArtifact;
  /** [rows]; index 0 is padding. */
  readonly itemIds: readonly string[];
  /** [rows]; 0 for items beyond the catalogue's popular ones. */
  readonly popularity: Float32Array;
}

/** @throws ReleaseError when a file is absent or not as the manifest describes it */
export function releasedModel(manifest: Manifest, files: ReadonlyMap<string, Uint8Array>): ReleasedModel {
  const file = (name: string): Uint8Array<ArrayBuffer> => {
    const bytes = files.get(name);
    if (bytes === undefined) throw new ReleaseError(`release: expected a file ${name}, found none`);
    return bytes.slice(); // its own buffer, aligned
  };
  const catalogue = openCatalogue(file(manifest.catalogue.file));
  const popularity = new Float32Array(catalogue.rows);
  for (const [rank, item] of catalogue.popularItems.entries())
    popularity[item] = catalogue.popularScores[rank]!;
  const { ranker } = manifest;
  return {
    artifact: artifactOf(manifest, file),
    ...(ranker && {
      ranker: {
        kind: 'ranker',
        items: dequantise({ table: ranker.items, file: file(ranker.items.file) }),
        network: { onnx: file(ranker.file), inputs: ranker.inputs },
        context: ranker.context,
        maxHistory: ranker.maxHistory,
      },
    }),
    itemIds: Array.from({ length: catalogue.rows }, (_, index) => catalogue.itemId(index)),
    popularity,
  };
}

function artifactOf(
  { artifact: released, maxHistory }: Manifest,
  file: (name: string) => Uint8Array<ArrayBuffer>,
): Artifact {
  const table = (entry: Table) => dequantise({ table: entry, file: file(entry.file) });
  switch (released.kind) {
    case 'none':
      return { kind: 'none' };
    case 'neighbours': {
      const { rows, width } = released;
      const { buffer } = file(released.file);
      const layout = neighboursLayout(released);
      const items = new Uint32Array(buffer, layout.items.offset, rows * width);
      return {
        kind: 'neighbours',
        rows,
        width,
        items,
        weights: new Float32Array(buffer, layout.weights.offset, rows * width),
      };
    }
    case 'embedding': {
      const { inputs, file: onnx } = released.encoder;
      const items = table(released.items);
      const own = released.history.file === released.items.file ? {} : { history: table(released.history) };
      return { kind: 'embedding', items, ...own, encoder: { onnx: file(onnx), inputs }, maxHistory };
    }
    default:
      return released satisfies never;
  }
}
