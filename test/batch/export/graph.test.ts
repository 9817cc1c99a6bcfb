import { describe, expect, it } from 'vitest';
import {
  Add,
  AttentionPooling,
  Concat,
  Greater,
  graph,
  L2Normalization,
  Linear,
  MaskedSoftmax,
  MatMul,
  Mul,
  ReduceMean,
  Relu,
  Silu,
  Squeeze,
  WeightedSum,
} from '../../../batch/export/onnx/index.ts';
import { openOnnx } from '../../../batch/export/onnx/session.ts';
import { ReleaseError } from '../../../shared/errors.ts';

const tensor = (values: number[], dimensions: number[]) => ({ data: Float32Array.from(values), dimensions });

describe('graph', () => {
  it('runs with any history length', async () => {
    const g = graph('encoder');
    g.output('query', ReduceMean(g.input('rows', [1, 'L', 2]), [1]), [1, 2]);
    await using session = await openOnnx(g.encode());
    for (const length of [1, 2, 50, 1_000]) {
      const data = Float32Array.from({ length: 2 * length }, (_, i) => i);
      const { query } = await session.run({ rows: { data, dimensions: [1, length, 2] } });
      expect([...query!.data]).toEqual([length - 1, length]);
      expect(query!.dimensions).toEqual([1, 2]);
    }
  });

  it('yields equal bytes for equal graphs, and stores an equal constant once', () => {
    const build = (): Uint8Array => {
      const g = graph('encoder');
      const x = g.input('x', [2]);
      g.output('y', Add(Mul(x, 0.5), 0.5), [2]);
      return g.encode();
    };
    expect(build()).toEqual(build());
    const text = new TextDecoder('latin1').decode(build());
    // Named once as the initializer and twice as an input of an operator.
    expect(text.split('0.5').length - 1).toBe(3);
  });

  it('copies the weights it is given', async () => {
    const g = graph('test');
    const values = Float32Array.of(1, 2);
    const x = g.input('x', [2]);
    g.output('y', Add(x, g.weights('w', values, [2])), [2]);
    values.fill(100);
    await using session = await openOnnx(g.encode());
    expect([...(await session.run({ x: tensor([0, 0], [2]) }))['y']!.data]).toEqual([1, 2]);
  });

  it('refuses weights that do not fill their shape, a name used twice, and a value of another graph', () => {
    const g = graph('encoder');
    const x = g.input('x', [2]);
    expect(() => g.weights('w', new Float32Array(5), [2, 3])).toThrow(
      "'w' of shape [2,3] takes 6 values, found 5",
    );
    expect(() => g.input('x', [2])).toThrow("encoder has two values named 'x'");
    g.weights('w', new Float32Array(2), [2]);
    expect(() => g.weights('w', new Float32Array(2), [2])).toThrow("two values named 'w'");
    expect(() => g.output('x', x, [2])).toThrow("two values named 'x'");
    expect(() => Add(x, graph('other').input('z', [2]))).toThrow("'z' belongs to another graph than encoder");
    expect(() => Add(1, 2)).toThrow('at least one value');
  });
});

describe('layers', () => {
  it('Linear, Silu, L2Normalization, MaskedSoftmax', async () => {
    const g = graph('test');
    const x = g.input('x', [1, 3]);
    const w = g.weights('w', Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]);
    g.output('linear', Linear(x, w, g.weights('b', Float32Array.of(10, 20), [2])), [1, 2]);
    g.output('plain', Linear(x, w), [1, 2]);
    g.output('silu', Silu(x), [1, 3]);
    g.output('unit', L2Normalization(x), [1, 3]);
    g.output('zero', L2Normalization(Mul(x, 0)), [1, 3]);
    g.output('masked', MaskedSoftmax(x, Greater(x, 0)), [1, 3]);
    await using session = await openOnnx(g.encode());
    const result = await session.run({ x: tensor([1, 2, -2], [1, 3]) });
    const expectClose = (name: string, wanted: number[]) =>
      expect([...result[name]!.data].map((value) => Number(value.toFixed(5)))).toEqual(
        wanted.map((value) => Number(value.toFixed(5))),
      );
    expectClose('linear', [7, 18]);
    expectClose('plain', [-3, -2]);
    expectClose(
      'silu',
      [1, 2, -2].map((value) => value / (1 + Math.exp(-value))),
    );
    expectClose('unit', [1 / 3, 2 / 3, -2 / 3]);
    expectClose('zero', [0, 0, 0]);
    expectClose('masked', [1 / (1 + Math.E), Math.E / (1 + Math.E), 0]);
  });

  it('WeightedSum and AttentionPooling', async () => {
    const g = graph('test');
    const rows = g.input('rows', [1, 'L', 2]);
    const weights = g.input('weights', [1, 'L']);
    g.output('sum', WeightedSum(rows, weights), [1, 2]);
    g.output('pooled', AttentionPooling(rows, weights), [1, 2]);
    await using session = await openOnnx(g.encode());
    const { sum, pooled } = await session.run({
      rows: tensor([1, 2, 3, 4], [1, 2, 2]),
      weights: tensor([0.5, 2], [1, 2]),
    });
    expect([...sum!.data]).toEqual([6.5, 9]);
    const share = 1 / (1 + Math.exp(1.5));
    expect(pooled!.data[0]).toBeCloseTo(share + 3 * (1 - share), 5);
    expect(pooled!.data[1]).toBeCloseTo(2 * share + 4 * (1 - share), 5);
  });

  it('makes an encoder of all that a history offers', async () => {
    const g = graph('encoder');
    const rows = g.input('rows', [1, 'L', 2]);
    const score = Squeeze(MatMul(Relu(rows), g.weights('attention', Float32Array.of(1, -1), [2, 1])), [-1]);
    const query = AttentionPooling(rows, Add(score, Mul(g.input('ages', [1, 'L']), -0.1)));
    const sum = WeightedSum(rows, g.input('weights', [1, 'L']));
    g.output('query', Concat([query, sum], 1), [1, 4]);
    await using session = await openOnnx(g.encode());
    const { query: answer } = await session.run({
      rows: tensor([1, 0], [1, 1, 2]),
      ages: tensor([0], [1, 1]),
      weights: tensor([0.25], [1, 1]),
    });
    expect([...answer!.data]).toEqual([1, 0, 0.25, 0]);
  });
});

describe('openOnnx', () => {
  it('refuses what is no model', async () => {
    await expect(openOnnx(Uint8Array.of(1, 2, 3))).rejects.toThrow(ReleaseError);
  });
});
