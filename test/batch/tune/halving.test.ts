import { describe, expect, it } from 'vitest';
import { planRungs, successiveHalving } from '../../../batch/tune/halving.ts';

describe('the plan', () => {
  it('gives a third of the trials three times as much, down to the least', () => {
    expect(planRungs(27, { option: 'epochs', least: 0.4 }, 4)).toEqual([
      { trials: 27, budget: 0.444 },
      { trials: 9, budget: 1.33 },
      { trials: 3, budget: 4 },
    ]);
    expect(planRungs(27, { option: 'epochs', least: 2 }, 20)).toEqual([
      { trials: 27, budget: 2 },
      { trials: 9, budget: 7 },
      { trials: 3, budget: 20 },
    ]);
  });

  it('has one round where there is no budget, or nothing to part', () => {
    expect(planRungs(27, undefined, undefined)).toEqual([{ trials: 27, budget: undefined }]);
    expect(planRungs(2, { option: 'epochs', least: 1 }, 20)).toEqual([{ trials: 2, budget: 20 }]);
    expect(planRungs(27, { option: 'epochs', least: 1 }, 1)).toEqual([{ trials: 27, budget: 1 }]);
    expect(planRungs(4, { option: 'epochs', least: 1 }, 90)).toEqual([
      { trials: 4, budget: 30 },
      { trials: 1, budget: 90 },
    ]);
  });
});

describe('successive halving', () => {
  const rungs = planRungs(9, { option: 'epochs', least: 1 }, 9);
  const trials = [3, 9, 1, 7, 5, 2, 8, 4, 6];

  /** Which trials were measured with which budget, when each measurement takes a different time. */
  async function measured(figureOf: (trial: number, budget: number) => number | undefined, delays: number[]) {
    const seen: { trial: number; budget: number | undefined }[] = [];
    await successiveHalving(trials, rungs, async (trial, budget) => {
      await new Promise((resolve) => setTimeout(resolve, delays[trial % delays.length]!));
      seen.push({ trial, budget });
      return figureOf(trial, budget!);
    });
    const rounds = Map.groupBy(seen, ({ budget }) => budget);
    return Object.fromEntries(
      [...rounds].map(([budget, all]) => [budget, all.map(({ trial }) => trial).sort()]),
    );
  }

  it('keeps the best of each round, whatever ends first', async () => {
    const expected = { 1: [1, 2, 3, 4, 5, 6, 7, 8, 9], 3: [7, 8, 9], 9: [9] };
    expect(await measured((trial) => trial, [0])).toEqual(expected);
    expect(await measured((trial) => trial, [9, 1, 5, 0, 3])).toEqual(expected);
  });

  it('goes by the figures of the round at hand', async () => {
    const turned = await measured((trial, budget) => (budget === 1 ? trial : -trial), [0]);
    expect(turned).toMatchObject({ 3: [7, 8, 9], 9: [7] });
  });

  it('keeps the earlier of equals, and drops what has no figure', async () => {
    expect(await measured(() => 1, [3, 0, 1])).toMatchObject({ 3: [1, 3, 9], 9: [3] });
    expect(await measured((trial) => (trial > 2 ? undefined : trial), [0])).toMatchObject({
      3: [1, 2],
      9: [2],
    });
    expect(await measured(() => undefined, [0])).toEqual({ 1: [1, 2, 3, 4, 5, 6, 7, 8, 9] });
  });
});
