import { expect } from 'vitest';
import type { Run } from '../../batch/recommender.ts';

/** Fits until the first checkpoint is saved, is killed there, and fits again from it. */
export async function resumed<M>(
  train: (run: Partial<Pick<Run, 'signal' | 'checkpoints'>>) => Promise<M>,
): Promise<M> {
  let saved: Uint8Array | undefined;
  const controller = new AbortController();
  const interrupted = train({
    signal: controller.signal,
    checkpoints: {
      load: async () => undefined,
      save: async (state) => {
        saved ??= state.slice();
        controller.abort(new Error('killed'));
      },
    },
  });
  await expect(interrupted).rejects.toThrow('killed');
  return train({ checkpoints: { load: async () => saved, save: async () => {} } });
}
