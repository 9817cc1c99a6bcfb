import { describe, expect, it } from 'vitest';
import { Add, Cast, graph, ReduceMean, ReduceSum, Tanh } from '../../batch/export/onnx/index.ts';
import type { EncoderFeeds } from '../../edge/encode.ts';
import { openEncoder, openRanker } from '../../edge/onnx.ts';
import type { RankerFeeds } from '../../edge/rank.ts';

const dimensions = 16;

/** query = tanh(mean of the rows), or the mean alone. */
function model(squashed: boolean): Uint8Array {
  const g = graph('encoder');
  const rows = g.input('rows', [1, 'L', dimensions]);
  const mean = ReduceMean(squashed ? Tanh(rows) : rows, [1], { keepDimensions: false });
  g.output('query', mean, [1, dimensions]);
  return g.encode();
}

const feeds = (length: number): EncoderFeeds => ({
  rows: {
    data: Float32Array.from({ length: length * dimensions }, (_, i) => Math.sin(i * length)),
    dimensions: [1, length, dimensions],
  },
});

const expected = (length: number, squash: (value: number) => number): number[] => {
  const { data } = feeds(length).rows!;
  return Array.from({ length: dimensions }, (_, d) => {
    let sum = 0;
    for (let row = 0; row < length; row++) sum += squash(data[row * dimensions + d]!);
    return sum / length;
  });
};

/** probability = Σ of the candidate's two numbers + Σ context. */
function sums(): Uint8Array {
  const g = graph('ranker');
  const context = ReduceSum(Cast(g.input('context', [1, 3], 'int32'), 'float32'), [0, 1]);
  g.output('probability', Add(ReduceSum(g.input('candidates', ['C', 2]), [1]), context), ['C']);
  return g.encode();
}

/** Candidate i is (i, i). */
const asked = (count: number): RankerFeeds => ({
  candidates: { data: Float32Array.from({ length: 2 * count }, (_, i) => i >> 1), dimensions: [count, 2] },
  context: { data: Int32Array.of(3 * count, 5 * count, 2 * count), dimensions: [1, 3] },
});

const largestDifference = (a: ArrayLike<number>, b: readonly number[]): number =>
  b.reduce((most, value, i) => Math.max(most, Math.abs(value - a[i]!)), 0);

describe('onnxruntime-web in workerd', () => {
  it('keeps many runs of several encoders apart, started cold and all at once', async () => {
    const lengths = Array.from({ length: 60 }, (_, i) => 1 + ((i * 37) % 200));
    const encoders = await Promise.all([openEncoder(model(false)), openEncoder(model(true))]);
    const results = await Promise.all(lengths.map((length, i) => encoders[i % 2]!.run(feeds(length))));
    for (const [i, length] of lengths.entries()) {
      const squash = i % 2 === 0 ? (value: number) => value : Math.tanh;
      expect(largestDifference(results[i]!, expected(length, squash))).toBeLessThan(1e-6);
    }
    await encoders[0].release();
    const after = await encoders[1].run(feeds(5));
    expect(largestDifference(after, expected(5, Math.tanh))).toBeLessThan(1e-6);
    await encoders[1].release();
  });

  it('runs an encoder and a ranker in turns, floats and whole numbers in, and tells how long the ranker took', async () => {
    const [encoder, ranker] = await Promise.all([openEncoder(model(true)), openRanker(sums())]);
    const runs = Array.from(
      { length: 30 },
      (_, i) => [encoder.run(feeds(i + 1)), ranker.run(asked(i + 1))] as const,
    );
    for (const [i, [query, ranking]] of runs.entries()) {
      expect(largestDifference(await query, expected(i + 1, Math.tanh))).toBeLessThan(1e-6);
      const { probabilities, milliseconds } = await ranking;
      expect([...probabilities]).toEqual(Array.from({ length: i + 1 }, (_, row) => row * 2 + 10 * (i + 1)));
      expect(milliseconds).toBeGreaterThanOrEqual(0);
    }
    await encoder.release();
    await ranker.release();
  });

  it('goes on after a run that fails', async () => {
    const encoder = await openEncoder(model(false));
    const wrong: EncoderFeeds = { rows: { data: new Float32Array(3), dimensions: [1, 1, 3] } };
    const [bad, good] = await Promise.allSettled([encoder.run(wrong), encoder.run(feeds(7))]);
    expect(bad.status).toBe('rejected');
    expect(good.status).toBe('fulfilled');
    await encoder.release();
  });

  it('refuses what is no model, and a model without the output', async () => {
    await expect(openEncoder(new Uint8Array(100))).rejects.toThrow(
      'encoder: expected a model that onnxruntime reads',
    );
    const g = graph('other');
    const rows = g.input('rows', [1, 'L', dimensions]);
    g.output('something', ReduceMean(rows, [1], { keepDimensions: false }), [1, dimensions]);
    const encoder = await openEncoder(g.encode());
    await expect(encoder.run(feeds(2))).rejects.toThrow("expected an output 'query' of float32, found none");
    await encoder.release();
  });
});
