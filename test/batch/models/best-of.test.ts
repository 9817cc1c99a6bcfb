import { describe, expect, it } from 'vitest';
import { bestOf } from '../../../batch/models/best-of.ts';
import type { Model } from '../../../batch/recommender.ts';
import { quietRun } from '../../fixtures/dataset.ts';

/** Models that score their own option, and the list of what was built and disposed. */
function workshop() {
  const events: string[] = [];
  const build = (option: number): Model => {
    events.push(`build ${option}`);
    return {
      fittedOptions: option,
      score: async () => [Float32Array.of(option)],
      export: async () => ({ kind: 'none' }),
      [Symbol.dispose]: () => void events.push(`dispose ${option}`),
    };
  };
  return { events, build };
}
const validate = async (score: Model['score']) => Math.min(2, (await score([]))[0]![0]!);

describe('bestOf', () => {
  it('keeps the best of all candidates, the earlier of equals, and disposes the others', async () => {
    const { events, build } = workshop();
    const best = await bestOf([1, 3, 0, 2], build, quietRun({ validate }));
    expect(best.fittedOptions).toBe(3);
    expect(events).toEqual([
      'build 1',
      'build 3',
      'dispose 1',
      'build 0',
      'dispose 0',
      'build 2',
      'dispose 2',
    ]);
  });

  it('builds the first alone where nothing is to be chosen', async () => {
    const { events, build } = workshop();
    expect((await bestOf([1, 3], build, quietRun())).fittedOptions).toBe(1);
    const refuse = async () => {
      throw new Error('asked');
    };
    expect((await bestOf([4], build, quietRun({ validate: refuse }))).fittedOptions).toBe(4);
    expect(events).toEqual(['build 1', 'build 4']);
  });

  it('disposes everything when a validation fails', async () => {
    const { events, build } = workshop();
    let asked = 0;
    const failing = async () => {
      if (++asked === 2) throw new Error('no metric');
      return 0;
    };
    await expect(bestOf([1, 2, 3], build, quietRun({ validate: failing }))).rejects.toThrow('no metric');
    expect(events).toEqual(['build 1', 'build 2', 'dispose 2', 'dispose 1']);
  });

  it('stops between candidates when aborted', async () => {
    const { events, build } = workshop();
    const controller = new AbortController();
    const stopping = async () => {
      controller.abort(new Error('stopped'));
      return 0;
    };
    const run = quietRun({ validate: stopping, signal: controller.signal });
    await expect(bestOf([1, 2], build, run)).rejects.toThrow('stopped');
    expect(events).toEqual(['build 1', 'dispose 1']);
  });
});
