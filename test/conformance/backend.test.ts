import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { openBackend } from '../../batch/backend/index.ts';
import { folderOf, readInstallation } from '../../batch/backend/native/installation.ts';
import { variants } from '../../batch/backend/native/versions.ts';
import { dropout } from '../../batch/training/layers.ts';
import { testBackend, trainSmall } from './backend.ts';
import { trainTwoTower } from './two-tower.ts';

const missing = readInstallation(folderOf('native')) === undefined;
if (missing)
  console.warn(
    `SKIP: native TensorFlow is not set up; \`${variants.native.command}\` does it, then these tests run`,
  );

testBackend('wasm');
describe.skipIf(missing)('native TensorFlow', () => {
  testBackend('native');
  it('trains as wasm does: 50 losses within 1e-4 of each other', async () => {
    await openBackend('wasm');
    const wasm = trainSmall(50);
    await openBackend('native');
    const native = trainSmall(50);
    expect(wasm[49]).toBeLessThan(wasm[0]! / 2);
    for (const [step, loss] of wasm.entries())
      expect(Math.abs(native[step]! - loss), `step ${step}`).toBeLessThan(1e-4);
  });

  it('drops out what wasm drops out', async () => {
    const dropped = () => tf.tidy(() => [...dropout(tf.ones([33, 21]), 0.25, 0xfedcba98).dataSync()]);
    await openBackend('wasm');
    const wasm = dropped();
    await openBackend('native');
    expect(dropped()).toEqual(wasm);
    expect(new Set(wasm).size).toBe(2);
  });

  it.each([
    ['the whole catalogue', {}],
    ['sampled negatives', { negatives: 64 }],
  ])('trains two-tower as wasm does, 50 steps, softmax over %s', async (_, options) => {
    await openBackend('wasm');
    const wasm = await trainTwoTower(50, options);
    await openBackend('native');
    const native = await trainTwoTower(50, options);
    expect(wasm.losses.length).toBe(50);
    expect(wasm.losses[49]).toBeLessThan(wasm.losses[0]! - 0.1);
    for (const [step, loss] of wasm.losses.entries())
      expect(Math.abs(native.losses[step]! - loss), `loss of step ${step}`).toBeLessThan(1e-5);
    for (const [name, values] of wasm.trained) {
      const differences = native.trained.get(name)!.map((value, i) => Math.abs(value - values[i]!));
      expect(Math.max(...differences), name).toBeLessThan(1e-4);
    }
  });
});
