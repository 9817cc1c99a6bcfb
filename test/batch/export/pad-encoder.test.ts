import { describe, expect, it } from 'vitest';
import { Add, Concat, graph, MatMul, ReduceSum, Slice } from '../../../batch/export/onnx/index.ts';
import { padEncoder } from '../../../batch/export/onnx/pad-encoder.ts';
import { openOnnx } from '../../../batch/export/onnx/session.ts';
import { ReleaseError } from '../../../shared/errors.ts';

/** query = [Σ rows, Σ rows · w]: 3 dimensions in, 4 out. It uses Slice itself, so that names could clash. */
function encoder(): Uint8Array {
  const g = graph('encoder');
  const rows = g.input('rows', [1, 'L', 3]);
  const sum = ReduceSum(rows, [1]);
  const product = MatMul(Slice(sum, 1, 0), g.weights('w', Float32Array.of(1, 1, 1), [3, 1]));
  g.output('query', Concat([sum, Add(product, 0.5)], 1), [1, 4]);
  return g.encode();
}

describe('padEncoder', () => {
  it('cuts padded rows and pads the query with zeros', async () => {
    await using session = await openOnnx(padEncoder(encoder(), { from: 3, to: 5 }, { from: 4, to: 8 }));
    // What lies in the padding must not matter.
    const data = Float32Array.of(1, 2, 3, 99, 99, 10, 20, 30, 99, 99);
    const { query } = await session.run({ rows: { data, dimensions: [1, 2, 5] } });
    expect(query).toEqual({ dimensions: [1, 8], data: Float32Array.of(11, 22, 33, 66.5, 0, 0, 0, 0) });
  });

  it('leaves a model alone that fits', () => {
    const onnx = encoder();
    expect(padEncoder(onnx, { from: 3, to: 3 }, { from: 4, to: 4 })).toBe(onnx);
  });

  it('pads one side only where only one needs it, and a model without rows', async () => {
    await using narrow = await openOnnx(padEncoder(encoder(), { from: 3, to: 3 }, { from: 4, to: 6 }));
    const { query } = await narrow.run({ rows: { data: Float32Array.of(1, 2, 3), dimensions: [1, 1, 3] } });
    expect([...query!.data]).toEqual([1, 2, 3, 6.5, 0, 0]);

    const g = graph('ages only');
    g.output('query', ReduceSum(g.input('ages', [1, 'L']), [1], { keepDimensions: true }), [1, 1]);
    await using agesOnly = await openOnnx(padEncoder(g.encode(), { from: 3, to: 16 }, { from: 1, to: 2 }));
    const result = await agesOnly.run({ ages: { data: Float32Array.of(1, 2), dimensions: [1, 2] } });
    expect([...result['query']!.data]).toEqual([3, 0]);
  });

  it('refuses a model without a query', () => {
    const g = graph('nameless');
    g.output('vector', g.input('rows', [1, 'L', 3]), [1, 'L', 3]);
    expect(() => padEncoder(g.encode(), { from: 3, to: 16 }, { from: 3, to: 16 })).toThrow(ReleaseError);
  });
});
