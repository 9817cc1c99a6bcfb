import { describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../batch/load-config.ts';
import { ConfigError } from '../../shared/errors.ts';

const minimal = { name: 'Shop', data: { events: { path: 'e.csv', columns: { userId: 'u', itemId: 'i' } } } };
const errorOf = (input: unknown): string => {
  try {
    parseConfig(input, 'perigee.config.ts');
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('expected a ConfigError');
};

describe('config', () => {
  it('fills every default', () => {
    const config = parseConfig(minimal, 'x');
    expect(config).toMatchObject({
      seed: 42,
      split: { kind: 'leave-one-out' },
      evaluation: {
        at: [10, 20],
        primary: 'ndcg@10',
        recallDenominator: 'relevant',
        bootstrapSamples: 1_000,
      },
      data: { repeats: 'keep', eventKinds: { interaction: 1 }, quality: { missing: 0.5 } },
      gate: { minimumQuantisationRecall: 0.97 },
      channel: 'production',
    });
  });

  it('names a key that it does not know, where it stands', () => {
    expect(errorOf({ ...minimal, evaluaton: {} })).toContain('evaluaton');
    expect(errorOf({ ...minimal, split: { kind: 'last-basket', minHistory: 3 } })).toContain(
      'split.minHistory',
    );
    expect(errorOf({ ...minimal, data: { events: { path: 'e.csv', columns: { userId: 'u' } } } })).toContain(
      'data.events.columns.itemId',
    );
  });

  it('names every mistake at once', () => {
    const message = errorOf({ ...minimal, seed: -1, evaluation: { primary: 'accuracy' } });
    expect(message).toContain('seed');
    expect(message).toContain('evaluation.primary');
  });

  it('says where it looked for a file, and what it expected to export', async () => {
    await expect(loadConfig('/nowhere/perigee.config.ts')).rejects.toThrow(
      'No config file at /nowhere/perigee.config.ts',
    );
  });

  it("loads the repository's own", async () => {
    const config = await loadConfig(new URL('../../perigee.config.ts', import.meta.url).pathname);
    expect(config.name).toBe('Online Retail');
  });
});
