import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../batch/backend/index.ts';
import { findGpu } from '../../batch/backend/native/gpu.ts';
import { folderOf, readInstallation } from '../../batch/backend/native/installation.ts';
import { registerOwn } from '../../batch/backend/native/kernels/index.ts';
import { variants } from '../../batch/backend/native/versions.ts';
import { testBackend, trainSmall } from './backend.ts';

const isSetUp = (name: 'gpu' | 'native'): boolean => readInstallation(folderOf(name)) !== undefined;
const gpu = isSetUp('gpu') ? await findGpu() : { missing: `it is not set up: \`${variants.gpu.command}\`` };
const missing = 'missing' in gpu ? gpu.missing : undefined;
if (missing)
  console.warn(
    `SKIP: nothing is tested on a GPU: ${missing}. ${
      isSetUp('native') ? 'Its kernels are tested on the CPU' : 'Nor are its kernels on the CPU'
    }.`,
  );

describe.skipIf(missing !== undefined)('TensorFlow on a GPU', () => {
  testBackend('gpu');
  it('trains as wasm does: 50 losses within 1e-3 of each other', async () => {
    await openBackend('wasm');
    const wasm = trainSmall(50);
    await openBackend('gpu');
    const losses = trainSmall(50);
    for (const [step, loss] of wasm.entries())
      expect(Math.abs(losses[step]! - loss), `step ${step}`).toBeLessThan(1e-3);
  });
});

describe.skipIf(missing === undefined || !isSetUp('native'))("the GPU's kernels, on the CPU", () => {
  beforeAll(async () => {
    await openBackend('native');
    registerOwn('gpu');
  });
  testBackend('native');
  it('train as wasm does: 50 losses within 1e-4 of each other', async () => {
    const losses = trainSmall(50);
    await openBackend('wasm');
    for (const [step, loss] of trainSmall(50).entries())
      expect(Math.abs(losses[step]! - loss), `step ${step}`).toBeLessThan(1e-4);
  });
});
