import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { exportRelease } from '../../../batch/export/export-release.ts';
import { openOnnx } from '../../../batch/export/onnx/session.ts';
import { dequantise } from '../../../batch/export/quantise.ts';
import type { Artifact, EmbeddingTable } from '../../../batch/recommender.ts';
import { sha256 } from '../../../batch/sha256.ts';
import { openCatalogue } from '../../../shared/catalogue.ts';
import { ReleaseError } from '../../../shared/errors.ts';
import { ages, positions } from '../../../shared/features.ts';
import { latest } from '../../../shared/history.ts';
import { topK } from '../../../shared/ranking.ts';
import { type EmbeddingArtifact, GoldenRequests, type Table } from '../../../shared/release.ts';
import { type FixtureRelease, fixtureRelease, storedRelease } from '../../fixtures/release.ts';

const json = (release: FixtureRelease, file: string): unknown =>
  JSON.parse(new TextDecoder().decode(release.files.get(file)));

const golden = (release: FixtureRelease): GoldenRequests =>
  v.parse(GoldenRequests, json(release, 'golden.json'));

describe.each([
  { kind: 'embedding', dimensions: 32 },
  { kind: 'embedding', dimensions: 20, bias: true, ownHistoryTable: true },
  { kind: 'neighbours' },
  { kind: 'none' },
] as const)('a release of %o', (options) => {
  const release = fixtureRelease({ ...options, items: 500, histories: 20 });

  it('is the same, byte for byte, from the same input, and another from another seed', async () => {
    const { releaseId, files } = await release;
    const again = await fixtureRelease({ ...options, items: 500, histories: 20 });
    expect(again.releaseId).toBe(releaseId);
    expect(again.files).toEqual(files);
    const other = await fixtureRelease({ ...options, items: 500, histories: 20, seed: 2 });
    expect(other.releaseId).not.toBe(releaseId);
  });

  it('lists every file with its length and sha256, and is named by its manifest', async () => {
    const { manifest, files, releaseId } = await release;
    expect([...files.keys()].sort()).toEqual(Object.keys(manifest.files).sort());
    for (const [file, bytes] of files) {
      expect(manifest.files[file]).toEqual({ sha256: sha256(bytes), bytes: bytes.length });
    }
    const stored = new Map(storedRelease(await release));
    const manifestBytes = stored.get(`releases/${releaseId}/manifest.json`)!;
    expect(sha256(manifestBytes).slice(0, 16)).toBe(releaseId);
    expect(JSON.parse(new TextDecoder().decode(manifestBytes))).toEqual(manifest);
  });

  it('carries ids, attributes and popularity in its catalogue', async () => {
    const { files, manifest, dataset, popularity } = await release;
    const catalogue = openCatalogue(files.get(manifest.catalogue.file)!);
    expect(catalogue.rows).toBe(manifest.catalogue.items + 1);
    for (const row of [1, 7, 10, 500]) {
      expect(catalogue.find(dataset.itemIds[row]!)).toBe(row);
      expect(catalogue.attributes(row)).toEqual(dataset.attributes[row]);
    }
    const ranked = topK(popularity, 500);
    expect(Int32Array.from(catalogue.popularItems)).toEqual(ranked.indices);
    expect(catalogue.popularScores).toEqual(ranked.scores);
  });

  it('has golden requests of all lengths, the empty history first, without the history’s items', async () => {
    const { requests, tolerance } = golden(await release);
    expect(tolerance).toBe(1e-3);
    expect(requests).toHaveLength(12);
    const lengths = requests.map(({ history }) => history.length);
    expect(lengths[0]).toBe(0);
    expect(lengths[1]).toBe(1);
    expect(lengths.at(-1)).toBe(115);
    for (const { history, items } of requests) {
      const seen = new Set(history.map(({ itemId }) => itemId));
      expect(items.filter(({ itemId }) => seen.has(itemId))).toEqual([]);
      expect(items.map(({ score }) => score)).toEqual(items.map(({ score }) => score).sort((a, b) => b - a));
      if (options.kind !== 'neighbours') expect(items).toHaveLength(20);
    }
  });

  it('answers its golden requests nearly as the float model does', async () => {
    const { dataset, score, popularity, manifest } = await release;
    const indexOf = new Map(dataset.itemIds.map((itemId, index) => [itemId, index]));
    for (const { history, items } of golden(await release).requests) {
      const query = {
        items: Int32Array.from(history, ({ itemId }) => indexOf.get(itemId)!),
        times: Float64Array.from(history, ({ time }) => time ?? 0),
        weights: Float32Array.from(history, ({ kind = 'purchase' }) => manifest.eventKinds[kind]!),
      };
      const [expected] = history.length === 0 ? [popularity] : await score([{ history: query }]);
      const largest = Math.max(...items.map((item) => Math.abs(item.score)));
      for (const item of items) {
        const difference = Math.abs(item.score - expected![indexOf.get(item.itemId)!]!);
        expect(difference).toBeLessThan((options.kind === 'embedding' ? 0.03 : 1e-6) * largest);
      }
    }
  });
});

describe('golden answers', () => {
  it('follow from the files alone: gathered int8 rows, the encoder, int8 items', async () => {
    const { files, manifest, dataset, ...release } = await fixtureRelease({
      items: 300,
      dimensions: 24,
      histories: 12,
      bias: true,
    });
    const artifact = manifest.artifact as EmbeddingArtifact;
    const read = (table: Table) => dequantise({ table, file: Uint8Array.from(files.get(table.file)!) });
    const items = read(artifact.items);
    const history = latest(release.histories.at(-1)!, manifest.maxHistory);
    const rows = Float32Array.from(history.items, () => 0);
    expect(rows).toHaveLength(history.items.length);
    await using session = await openOnnx(files.get(artifact.encoder.file)!);
    const length = history.items.length;
    const sequence = (data: Float32Array) => ({ data, dimensions: [1, length] });
    const { query } = await session.run({
      rows: {
        data: Float32Array.from(
          Array.from(history.items).flatMap((item) => [...items.values.subarray(item * 32, (item + 1) * 32)]),
        ),
        dimensions: [1, length, 32],
      },
      ages: sequence(ages(history)),
      weights: sequence(history.weights),
      positions: sequence(positions(history)),
    });
    const scores = Float32Array.from({ length: items.rows }, (_, row) =>
      query!.data.reduce((sum, x, i) => sum + x * items.values[row * 32 + i]!, items.bias![row]!),
    );
    const seen = new Set(release.histories.at(-1)!.items);
    const expected = topK(scores, 20, (item) => seen.has(item));
    const { requests } = v.parse(
      GoldenRequests,
      JSON.parse(new TextDecoder().decode(files.get('golden.json'))),
    );
    const found = requests.at(-1)!.items;
    expect(found.map(({ itemId }) => itemId)).toEqual(
      Array.from(expected.indices, (item) => dataset.itemIds[item]),
    );
    for (const [rank, { score }] of found.entries()) expect(score).toBeCloseTo(expected.scores[rank]!, 5);
  });
});

describe('quantisation', () => {
  it('keeps at least .985 of the float tables’ best 100, and is recorded', async () => {
    const { manifest } = await fixtureRelease({ items: 3_000, dimensions: 64 });
    expect(manifest.quantisationRecall).toBeGreaterThanOrEqual(0.985);
    expect(manifest.quantisationRecall).toBeLessThan(1);
  });
});

describe('exportRelease refuses', () => {
  const exported = async (
    change: (release: FixtureRelease) => Partial<Parameters<typeof exportRelease>[0]>,
  ) => {
    const release = await fixtureRelease({ items: 200, dimensions: 16, histories: 5 });
    const { dataset, artifact, popularity, histories, manifest } = release;
    return exportRelease({
      ...manifest,
      dataset,
      artifact,
      ranker: undefined,
      popularity,
      histories,
      fingerprint: manifest.data.fingerprint,
      codeVersion: 'test',
      ...change(release),
    });
  };
  const refusal = async (change: Parameters<typeof exported>[0]): Promise<string> => {
    const error: unknown = await exported(change).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ReleaseError);
    return (error as Error).message;
  };
  const embedding = ({ artifact }: FixtureRelease) => artifact as Extract<Artifact, { kind: 'embedding' }>;

  it('nothing, when all is well', async () => {
    expect((await exported(() => ({}))).releaseId).toMatch(/^[0-9a-f]{16}$/);
  });

  it('tables of other rows than the dataset', async () => {
    const message = await refusal((release) => {
      const { items, ...artifact } = embedding(release);
      return {
        artifact: { ...artifact, items: { ...items, rows: 200, values: items.values.slice(0, 200 * 16) } },
      };
    });
    expect(message).toBe('export: the dataset has 201 item rows, the item table has 200');
  });

  it('an encoder that onnxruntime does not read', async () => {
    const message = await refusal((release) => ({
      artifact: { ...embedding(release), encoder: { onnx: new Uint8Array(100), inputs: ['rows'] } },
    }));
    expect(message).toMatch(/expected a model that onnxruntime reads/);
  });

  it('a history of an event kind that is not declared', async () => {
    expect(await refusal(() => ({ eventKinds: { purchase: 2 } }))).toMatch(
      /expected an event kind of weight/,
    );
  });

  it('neighbours that do not exist', async () => {
    const release = await fixtureRelease({ items: 200, histories: 5, kind: 'neighbours' });
    const artifact = release.artifact as Extract<Artifact, { kind: 'neighbours' }>;
    const items = artifact.items.slice();
    items[20] = 999;
    expect(await refusal(() => ({ artifact: { ...artifact, items }, histories: [] }))).toMatch(
      /expected neighbours below 201 with finite weights, found item 999/,
    );
  });
});

it('numbers items by the norm of their vectors, however the model numbered them', async () => {
  for (const options of [{}, { bias: true, ownHistoryTable: true }, { ranker: {} }]) {
    const release = await fixtureRelease({ items: 300, dimensions: 16, histories: 20, ...options });
    const { artifact, dataset, popularity, histories, manifest, ranker } = release;
    if (artifact.kind !== 'embedding') throw new Error(`expected an embedding, found ${artifact.kind}`);
    // The same release as a model would hand it over that numbers the other way round.
    const last = dataset.itemIds.length - 1;
    const turned = (item: number): number => (item === 0 ? 0 : last + 1 - item);
    const turn = <T>(values: readonly T[]): T[] => values.map((_, item) => values[turned(item)]!);
    const turnTable = ({ bias, ...table }: EmbeddingTable): EmbeddingTable => {
      const d = table.dimensions;
      const values = table.values.map((_, at) => table.values[turned(Math.floor(at / d)) * d + (at % d)]!);
      return { ...table, values, ...(bias && { bias: bias.map((_, item) => bias[turned(item)]!) }) };
    };
    const found = await exportRelease({
      name: manifest.name,
      model: manifest.model,
      artifact: {
        ...artifact,
        items: turnTable(artifact.items),
        ...(artifact.history && { history: turnTable(artifact.history) }),
      },
      ranker: ranker && {
        ...ranker,
        artifact: { ...ranker.artifact, items: turnTable(ranker.artifact.items) },
      },
      dataset: {
        ...dataset,
        itemIds: turn(dataset.itemIds),
        attributes: turn(dataset.attributes),
        items: dataset.items.map(turned),
      },
      fingerprint: manifest.data.fingerprint,
      popularity: popularity.map((_, item) => popularity[turned(item)]!),
      histories: histories.map((history) => ({ ...history, items: history.items.map(turned) })),
      evaluation: manifest.evaluation,
      eventKinds: manifest.eventKinds,
      defaultEventKind: manifest.defaultEventKind,
      seed: manifest.seed,
      config: manifest.config,
      codeVersion: manifest.code.version,
    });
    expect(found.files).toEqual(release.files);
    expect(found.releaseId).toBe(release.releaseId);
  }
});
