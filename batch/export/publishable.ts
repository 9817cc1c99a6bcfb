import { ReleaseError } from '../../shared/errors.ts';
import { neighboursLayout, type ReleasedArtifact } from '../../shared/release.ts';
import type { Artifact } from '../recommender.ts';
import { padEncoder } from './onnx/pad-encoder.ts';
import { dequantise, quantise } from './quantise.ts';

/** An artifact in the shape in which it is released. */
export interface Publishable {
  /** The manifest's description. */
  readonly released: ReleasedArtifact;
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What the files say: the artifact after quantisation and padding. */
  readonly artifact: Artifact;
}

/** @throws ReleaseError when a table cannot be quantised or refers to items that do not exist */
export function publishable(artifact: Artifact): Publishable {
  switch (artifact.kind) {
    case 'embedding':
      return embedding(artifact);
    case 'neighbours':
      return neighbours(artifact);
    case 'none':
      return { released: { kind: 'none' }, files: new Map(), artifact };
    default:
      return artifact satisfies never;
  }
}

function embedding(source: Extract<Artifact, { kind: 'embedding' }>): Publishable {
  if (source.history?.bias !== undefined) {
    throw new ReleaseError('export: expected a history table without bias, found one');
  }
  const items = quantise(source.items);
  const history = source.history === undefined ? undefined : quantise(source.history);
  const padding = (from: number, { table }: typeof items) => ({ from, to: table.dimensions });
  const onnx = padEncoder(
    source.encoder.onnx,
    padding((source.history ?? source.items).dimensions, history ?? items),
    padding(source.items.dimensions, items),
  );
  const itemsEntry = { file: 'items.table', ...items.table };
  const { inputs } = source.encoder;
  return {
    released: {
      kind: 'embedding',
      items: itemsEntry,
      history: history === undefined ? itemsEntry : { file: 'history.table', ...history.table },
      encoder: { file: 'encoder.onnx', inputs: [...inputs] },
    },
    files: new Map([
      ['items.table', items.file],
      ...(history === undefined ? [] : ([['history.table', history.file]] as const)),
      ['encoder.onnx', onnx.slice()],
    ]),
    artifact: {
      ...source,
      items: dequantise(items),
      ...(history !== undefined && { history: dequantise(history) }),
      encoder: { onnx, inputs },
    },
  };
}

function neighbours(source: Extract<Artifact, { kind: 'neighbours' }>): Publishable {
  const { rows, width, items, weights } = source;
  if (items.length !== rows * width || weights.length !== rows * width) {
    throw new ReleaseError(
      `export: expected ${rows} × ${width} neighbours and weights, found ${items.length} and ${weights.length}`,
    );
  }
  const bad = items.findIndex((item, at) => item >= rows || !Number.isFinite(weights[at]!));
  if (bad >= 0) {
    throw new ReleaseError(
      `export: expected neighbours below ${rows} with finite weights, found item ${items[bad]}, weight ${weights[bad]}`,
    );
  }
  const layout = neighboursLayout(source);
  const file = new Uint8Array(layout.byteLength);
  new Uint32Array(file.buffer, layout.items.offset, items.length).set(items);
  new Float32Array(file.buffer, layout.weights.offset, weights.length).set(weights);
  return {
    released: { kind: 'neighbours', file: 'neighbours.table', rows, width },
    files: new Map([['neighbours.table', file]]),
    artifact: source,
  };
}
