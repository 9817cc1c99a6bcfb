import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBackend } from '../../../batch/backend/index.ts';

/** Deterministic values in −1…1 of no particular pattern. */
const values = (size: number, seed = 1): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(12.9898 * (i + 1) * seed));
const tensor = (shape: number[], seed?: number): tf.Tensor =>
  tf.tensor(
    values(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    shape,
  );

/** Values of `f` and of its gradients, weighted so that no symmetry hides an error. */
async function evaluate(backend: 'wasm' | 'cpu', f: (...xs: tf.Tensor[]) => tf.Tensor, shapes: number[][]) {
  await tf.setBackend(backend);
  const before = tf.memory().numTensors;
  const xs = shapes.map((shape, i) => tensor(shape, i + 1));
  const y = tf.tidy(() => f(...xs));
  const dy = tensor(y.shape, 7);
  const gradients = tf.tidy(() => tf.grads((...inputs: tf.Tensor[]) => f(...inputs))(xs, dy));
  const results = [y, ...gradients].map((t) => ({ shape: t.shape, data: Array.from(t.dataSync()) }));
  tf.dispose([...xs, y, dy, ...gradients]);
  expect(tf.memory().numTensors, `tensors leaked on ${backend}`).toBe(before);
  return results;
}

async function expectAgreement(f: (...xs: tf.Tensor[]) => tf.Tensor, ...shapes: number[][]) {
  const found = await evaluate('wasm', f, shapes);
  const expected = await evaluate('cpu', f, shapes);
  expect(found.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
  for (const [i, { data }] of found.entries())
    for (const [j, value] of data.entries()) expect(value).toBeCloseTo(expected[i]!.data[j]!, 5);
}

let heapEntries: number;
beforeEach(async () => {
  await openBackend('wasm');
  heapEntries = (tf.backend() as unknown as { numDataIds(): number }).numDataIds();
});
afterEach(async () => {
  await tf.setBackend('wasm');
  expect((tf.backend() as unknown as { numDataIds(): number }).numDataIds(), 'buffers left in the heap').toBe(
    heapEntries,
  );
});

describe('the wasm kernels agree with the reference backend, forward and backward', () => {
  for (const [transposeA, transposeB] of [
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ] as const) {
    const of = (m: number, k: number, n: number, batch: number[] = []) => [
      [...batch, ...(transposeA ? [k, m] : [m, k])],
      [...batch, ...(transposeB ? [n, k] : [k, n])],
    ];
    const multiply = (a: tf.Tensor, b: tf.Tensor) => tf.matMul(a, b, transposeA, transposeB);
    const name = `matMul ${transposeA ? 'aᵀ' : 'a'}·${transposeB ? 'bᵀ' : 'b'}`;
    it(`${name}`, () => expectAgreement(multiply, ...of(5, 7, 3)));
    it(`${name}, wide`, () => expectAgreement(multiply, ...of(40, 6, 2)));
    it(`${name}, batched`, () => expectAgreement(multiply, ...of(4, 3, 5, [2, 3])));
    it(`${name}, vectors`, () => expectAgreement(multiply, ...of(1, 1, 1)));
  }
  // Against repeated operands: tfjs-core has no gradient for broadcast products, and its cpu kernel pairs them wrongly.
  it.each([
    { left: [3, 2, 4, 5], right: [1, 2, 5, 2], repeatLeft: [1, 1, 1, 1], repeatRight: [3, 1, 1, 1] },
    { left: [2, 1, 4, 5], right: [2, 3, 5, 2], repeatLeft: [1, 3, 1, 1], repeatRight: [1, 1, 1, 1] },
    { left: [1, 4, 5], right: [3, 5, 2], repeatLeft: [3, 1, 1], repeatRight: [1, 1, 1] },
  ])('matMul with broadcast batch axes: [$left] · [$right]', ({ left, right, repeatLeft, repeatRight }) => {
    const [found, expected] = tf.tidy(() => {
      const a = tensor(left, 1);
      const b = tensor(right, 2);
      const product = tf.matMul(tf.tile(a, repeatLeft), tf.tile(b, repeatRight));
      return [tf.matMul(a, b).dataSync(), product.dataSync()];
    });
    expect(Array.from(found)).toEqual(Array.from(expected));
  });

  const indices = () => tf.tensor2d([3, 0, 3, 1, 2, 3], [2, 3], 'int32');
  it('gather of rows', () => expectAgreement((x) => tf.gather(x, indices()), [4, 5]));
  it('gather of long rows', () => expectAgreement((x) => tf.gather(x, indices()), [4, 70]));
  it('gather along the last axis', () => expectAgreement((x) => tf.gather(x, indices(), 1), [3, 4]));
  it('gather along the middle axis', () => expectAgreement((x) => tf.gather(x, indices(), 1), [2, 4, 3]));

  it('slice of a box', () => expectAgreement((x) => tf.slice(x, [1, 0, 2], [2, 3, 3]), [4, 3, 6]));
  it('slice of whole rows', () => expectAgreement((x) => tf.slice(x, [1, 0], [2, 5]), [4, 5]));
  it('slice of rank 4', () => expectAgreement((x) => tf.slice(x, [1, 1, 0, 1], [1, 2, 2, 2]), [2, 3, 2, 4]));
  it('split along each axis', async () => {
    for (const axis of [0, 1, 2])
      await expectAgreement((x) => tf.mul(...(tf.split(x, 2, axis) as [tf.Tensor, tf.Tensor])), [2, 4, 6]);
  });
  it('unsorted segment sum', () =>
    expectAgreement((x) => tf.unsortedSegmentSum(x, tf.tensor1d([2, 0, 2, 4], 'int32'), 5), [4, 3]));
});

describe('openBackend', () => {
  it('changes nothing the second time', async () => {
    const { name } = await openBackend('wasm');
    const kernels = tf.getKernelsForBackend('wasm').map(({ kernelFunc }) => kernelFunc);
    await openBackend('wasm');
    expect(name).toBe('wasm');
    expect(tf.getKernelsForBackend('wasm').map(({ kernelFunc }) => kernelFunc)).toEqual(kernels);
  });
});

describe('kernels at their edges', () => {
  it('segment ids out of range are dropped', () => {
    const sums = tf.tidy(() =>
      tf.unsortedSegmentSum(tf.tensor1d([1, 2, 4, 8]), tf.tensor1d([-1, 1, 2, 1], 'int32'), 2).arraySync(),
    );
    expect(sums).toEqual([0, 10]);
  });
  it('gather refuses an index that does not exist, naming it', () => {
    expect(() => tf.tidy(() => tf.gather(tf.ones([3, 2]), tf.tensor1d([3], 'int32')))).toThrow(
      'expected an index in 0…2, found 3',
    );
  });
  it('an operand changed in place is seen by the next product', () => {
    const b = tf.tensor2d([[2]]);
    const a = tf.tensor2d([[3]]);
    const product = () => tf.tidy(() => tf.matMul(a, b).dataSync()[0]);
    expect(product()).toBe(6);
    const heap = tf.backend() as unknown as { typedArrayFromHeap(t: tf.Tensor): Float32Array };
    heap.typedArrayFromHeap(b)[0] = 5;
    expect(product()).toBe(15);
    tf.dispose([a, b]);
  });
});
