import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportRelease } from '../../../batch/export/export-release.ts';
import { Add, graph, ReduceSum } from '../../../batch/export/onnx/index.ts';
import { publishableRanker } from '../../../batch/export/ranker.ts';
import { exampleContext } from '../../../batch/export/ranker-questions.ts';
import { openRanker } from '../../../batch/export/ranker-scorer.ts';
import { releasedModel } from '../../../batch/export/released-artifact.ts';
import type { RankerArtifact } from '../../../batch/recommender.ts';
import { contextNumbers, type RankerQuestion } from '../../../shared/features.ts';
import { GoldenRequests } from '../../../shared/release.ts';
import { generator } from '../../fixtures/random.ts';
import { fixtureContext, fixtureRanker } from '../../fixtures/ranker.ts';
import { type FixtureRelease, fixtureRelease } from '../../fixtures/release.ts';

const rows = 300;

/** Questions of every kind: no history, one event, more than the ranker reads; every value of every context feature. */
function questions(count: number): RankerQuestion[] {
  const random = generator(3);
  return Array.from({ length: count }, (_, number) => {
    const length = number % 4 === 0 ? 0 : 1 + Math.floor(random() * 80);
    const items = (n: number) => Int32Array.from({ length: n }, () => 1 + Math.floor(random() * (rows - 1)));
    return {
      history: {
        items: items(length),
        times: Float64Array.from({ length }, () => 1.7e9 + Math.floor(random() * 1e7)).sort(),
        weights: Float32Array.from({ length }, () => (random() < 0.5 ? 1 : 0.25)),
      },
      candidates: items(1 + (number % 20)),
      context: contextNumbers(fixtureContext, exampleContext(fixtureContext, number)),
    };
  });
}

async function largestDifference(
  artifact: RankerArtifact,
  expected: (question: RankerQuestion) => Float32Array | Promise<Float32Array>,
): Promise<number> {
  await using scorer = await openRanker(artifact);
  let largest = 0;
  for (const question of questions(60)) {
    const wanted = await expected(question);
    const found = await scorer.probabilities(question);
    expect(found).toHaveLength(question.candidates.length);
    for (const [i, value] of found.entries()) largest = Math.max(largest, Math.abs(value - wanted[i]!));
  }
  return largest;
}

describe('a ranker’s artifact', () => {
  it.each([16, 20])('computes what the model says, %i dimensions', async (dimensions) => {
    const { artifact, probabilities } = fixtureRanker(generator(1), { rows, dimensions });
    expect(await largestDifference(artifact, probabilities)).toBeLessThan(1e-5);
  });

  it.each([16, 20])('stays near it with an int8 table, padded: %i dimensions', async (dimensions) => {
    const { artifact } = fixtureRanker(generator(1), { rows, dimensions });
    const { artifact: published, released } = publishableRanker(artifact);
    expect(released.items).toEqual({
      file: 'ranker.table',
      rows,
      dimensions: 16 * Math.ceil(dimensions / 16),
      bias: false,
    });
    await using float = await openRanker(artifact);
    const difference = await largestDifference(published, float.probabilities);
    expect(difference).toBeLessThan(0.03);
    expect(difference).toBeGreaterThan(0);
  });

  it('has example contexts of every value of every feature, and of none', () => {
    const contexts = Array.from({ length: 15 }, (_, number) => exampleContext(fixtureContext, number));
    for (const { name, values } of fixtureContext) {
      expect(new Set(contexts.map((context) => context[name]))).toEqual(new Set([...values, undefined]));
    }
  });
});

describe.each([{ kind: 'embedding', dimensions: 20 }, { kind: 'neighbours' }, { kind: 'none' }] as const)(
  'a release of %o with a ranker',
  (options) => {
    let release: FixtureRelease;
    beforeAll(async () => {
      release = await fixtureRelease({ ...options, items: 500, histories: 20, ranker: {} });
    });
    const golden = ({ files }: FixtureRelease): GoldenRequests =>
      v.parse(GoldenRequests, JSON.parse(new TextDecoder().decode(files.get('golden.json'))));

    it('is the same, byte for byte, from the same input', async () => {
      const again = await fixtureRelease({ ...options, items: 500, histories: 20, ranker: {} });
      expect(again.releaseId).toBe(release.releaseId);
      expect(again.files).toEqual(release.files);
    });

    it('says what its ranker is, how good, and how far int8 moves it', async () => {
      const { manifest, ranker } = release;
      expect(manifest.ranker).toMatchObject({
        model: ranker!.model,
        evaluation: ranker!.evaluation,
        context: fixtureContext,
        maxHistory: 50,
        candidates: 200,
      });
      expect(manifest.ranker!.quantisationDifference).toBeGreaterThan(0);
      expect(manifest.ranker!.quantisationDifference).toBeLessThan(0.03);
    });

    it('is read back as it answers its golden requests, which are near the float model’s', async () => {
      const { files, manifest, dataset, ranker } = release;
      await using scorer = await openRanker(releasedModel(manifest, files).ranker!);
      const indexOf = new Map(dataset.itemIds.map((itemId, index) => [itemId, index]));
      const { requests } = golden(release);
      expect(requests[0]!.history).toEqual([]);
      expect(new Set(requests.map(({ context }) => JSON.stringify(context))).size).toBeGreaterThan(5);
      for (const { history, context, items } of requests) {
        if (items.length === 0) continue;
        const question = {
          history: {
            items: Int32Array.from(history, ({ itemId }) => indexOf.get(itemId)!),
            times: Float64Array.from(history, ({ time }) => time ?? 0),
            weights: Float32Array.from(history, ({ kind = 'purchase' }) => manifest.eventKinds[kind]!),
          },
          candidates: Int32Array.from(items, ({ itemId }) => indexOf.get(itemId)!),
          context: contextNumbers(fixtureContext, context!),
        };
        const released = await scorer.probabilities(question);
        const float = ranker!.probabilities(question);
        for (const [i, { probability }] of items.entries()) {
          expect(probability).toBeCloseTo(released[i]!, 6);
          expect(Math.abs(probability! - float[i]!)).toBeLessThan(0.03);
        }
      }
    });
  },
);

it('leaves a release without a ranker as it was', async () => {
  const { manifest, files } = await fixtureRelease({ items: 100, histories: 5 });
  expect(manifest).not.toHaveProperty('ranker');
  expect(new TextDecoder().decode(files.get('golden.json'))).not.toMatch(/probability|context/);
});

describe('exportRelease refuses', () => {
  const exported = async (change: (artifact: RankerArtifact) => Partial<RankerArtifact>) => {
    const release = await fixtureRelease({ items: 60, dimensions: 16, histories: 5, ranker: {} });
    const { dataset, artifact, popularity, histories, manifest, ranker } = release;
    return exportRelease({
      ...manifest,
      dataset,
      artifact,
      ranker: { ...ranker!, artifact: { ...ranker!.artifact, ...change(ranker!.artifact) } },
      popularity,
      histories,
      fingerprint: manifest.data.fingerprint,
      codeVersion: 'test',
    });
  };
  /** A network of one input that answers with the sum of each candidate, plus `add`. */
  const sums = (output: string, add: number): Partial<RankerArtifact> => {
    const g = graph('ranker');
    g.output(output, Add(ReduceSum(g.input('candidates', ['C', 16]), [1]), add), ['C']);
    return { network: { onnx: g.encode(), inputs: ['candidates'] }, context: [] };
  };

  it('nothing, when all is well', async () => {
    expect((await exported(() => ({}))).releaseId).toMatch(/^[0-9a-f]{16}$/);
  });

  it.each<[string, (artifact: RankerArtifact) => Partial<RankerArtifact>, RegExp]>([
    [
      'a table of other rows than the dataset',
      ({ items }) => ({ items: { ...items, rows: 60, values: items.values.slice(0, 60 * 16) } }),
      /the dataset has 61 item rows, the ranker's table has 60/,
    ],
    [
      'a table with bias',
      ({ items }) => ({ items: { ...items, bias: new Float32Array(61) } }),
      /expected the ranker's table without bias/,
    ],
    [
      'a network that onnxruntime does not read',
      ({ network }) => ({ network: { ...network, onnx: new Uint8Array(100) } }),
      /expected a model that onnxruntime reads/,
    ],
    [
      'a network without probabilities',
      () => sums('logit', 0),
      /expected an output 'probability' of \d+ values, found none/,
    ],
    [
      'probabilities that are none',
      () => sums('probability', 5),
      /expected probabilities between 0 and 1, found/,
    ],
    [
      'a table for another network',
      ({ items }) => ({ items: { ...items, dimensions: 8, values: new Float32Array(61 * 8) } }),
      /expected a model that onnxruntime reads: .*Incompatible dimensions/,
    ],
  ])('%s', async (_, change, message) => {
    await expect(exported(change)).rejects.toThrow(message);
  });
});
