import { ages, type EncoderInput, type FeatureTensor, itemWeights, positions } from '../shared/features.ts';
import type { History } from '../shared/history.ts';
import type { Release } from './release.ts';

/** Inputs by name; those that the manifest lists. */
export type EncoderFeeds = Readonly<Partial<Record<EncoderInput, FeatureTensor>>>;

/** A query encoder, ready to run: features of a history in, the query vector out. */
export interface Encoder {
  run(feeds: EncoderFeeds): Promise<Float32Array>;
  release(): Promise<void>;
}

/**
 * The query vector, float32 [items.dimensions], of a history that is not empty and no longer than the release reads;
 * undefined where the release has no encoder.
 * @throws Error when the encoder fails or does not yield finite numbers of that shape
 */
export async function encode(release: Release, history: History): Promise<Float32Array | undefined> {
  const { encoder, manifest } = release;
  if (encoder === undefined || manifest.artifact.kind !== 'embedding') return undefined;
  const feeds: Partial<Record<EncoderInput, FeatureTensor>> = {};
  for (const name of manifest.artifact.encoder.inputs) feeds[name] = feature(name, release, history);
  const query = await encoder.run(feeds);
  const { dimensions } = manifest.artifact.items;
  if (query.length !== dimensions || !query.every(Number.isFinite)) {
    throw new Error(
      `encoder: expected ${dimensions} finite numbers, found ${query.length} of which some are not`,
    );
  }
  return query;
}

function feature(name: EncoderInput, release: Release, history: History): FeatureTensor {
  const length = history.items.length;
  const sequence = (data: Float32Array): FeatureTensor => ({ data, dimensions: [1, length] });
  switch (name) {
    case 'rows':
      return rows(release, history);
    case 'ages':
      return sequence(ages(history));
    case 'weights':
      return sequence(history.weights);
    case 'positions':
      return sequence(positions(history));
    case 'itemWeights':
      return sequence(itemWeights(history));
    default:
      return name satisfies never;
  }
}

function rows({ kernel, placed }: Release, history: History): FeatureTensor {
  const { artifact } = placed();
  if (artifact.kind !== 'embedding') throw new TypeError('rows: the release has no table');
  const { history: table, scratch } = artifact;
  return {
    data: kernel.gather(table, scratch, history.items),
    dimensions: [1, history.items.length, table.dimensions],
  };
}
