import { describe, expect, it } from 'vitest';
import { openBackend } from '../../batch/backend/index.ts';
import { findGpu } from '../../batch/backend/native/gpu.ts';
import { folderOf, readInstallation } from '../../batch/backend/native/installation.ts';
import { variants } from '../../batch/backend/native/versions.ts';
import { testBackend, trainSmall } from './backend.ts';

const missing =
  readInstallation(folderOf('gpu')) === undefined ? `not set up: ${variants.gpu.command}` : await whyNone();
if (missing) console.warn(`SKIP: the backend gpu is not tested: ${missing}`);

async function whyNone(): Promise<string | undefined> {
  const gpu = await findGpu();
  return 'missing' in gpu ? gpu.missing : undefined;
}

describe.skipIf(missing !== undefined)('TensorFlow on a GPU', () => {
  testBackend('gpu');
  it('trains as wasm does: 50 losses within 1e-3 of each other', async () => {
    await openBackend('wasm');
    const wasm = trainSmall(50);
    await openBackend('gpu');
    const gpu = trainSmall(50);
    for (const [step, loss] of wasm.entries())
      expect(Math.abs(gpu[step]! - loss), `step ${step}`).toBeLessThan(1e-3);
  });
});
