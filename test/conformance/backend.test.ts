import { describe, expect, it } from 'vitest';
import { openBackend } from '../../batch/backend/index.ts';
import { folderOf, readInstallation } from '../../batch/backend/native/installation.ts';
import { variants } from '../../batch/backend/native/versions.ts';
import { testBackend, trainSmall } from './backend.ts';

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
});
