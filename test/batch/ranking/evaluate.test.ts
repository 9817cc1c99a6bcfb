import { describe, expect, it } from 'vitest';
import { baselines, rival } from '../../../batch/ranking/baselines.ts';
import { difference, evaluateRows } from '../../../batch/ranking/evaluate.ts';
import { rankerFaults } from '../../../batch/ranking/gate.ts';
import { auc } from '../../../batch/ranking/metrics.ts';
import type { LabelledRows } from '../../../batch/ranking/ranker.ts';
import { splitOpinions } from '../../fixtures/ranking.ts';

const bootstrap = { samples: 200, seed: 1 };
const split = splitOpinions((user, item, context) => (item + context) % 2 === 0 || user % 5 === 0);
const rows: LabelledRows = split.test;
/** Knows the answers, but for every n-th row. */
const oracle = (wrongEvery: number) => async () =>
  Float32Array.from(rows.labels, (label, row) => (row % wrongEvery === 0 ? 1 - label : label) * 0.8 + 0.1);

describe('figures of a ranker', () => {
  it('lie in their intervals, which are of resampled users', async () => {
    const { metrics } = await evaluateRows('oracle', oracle(7), rows, bootstrap);
    expect(metrics.auc.value).toBe(auc({ probabilities: await oracle(7)(), labels: rows.labels }));
    for (const { value, lower, upper } of Object.values(metrics)) {
      expect(lower).toBeLessThan(value);
      expect(upper).toBeGreaterThan(value);
      expect(upper - lower).toBeLessThan(0.15);
    }
    // One user, drawn again and again, is always the same.
    const one = { ...rows, users: new Int32Array(rows.users.length) };
    const alone = await evaluateRows('oracle', oracle(7), one, bootstrap);
    expect(alone.metrics.auc.lower).toBeCloseTo(alone.metrics.auc.value, 10);
    expect(alone.metrics.auc.upper).toBeCloseTo(alone.metrics.auc.value, 10);
  });

  it('are paired: against itself a ranker differs by nothing', async () => {
    const [a, again, worse] = [
      await evaluateRows('a', oracle(7), rows, bootstrap),
      await evaluateRows('b', oracle(7), rows, bootstrap),
      await evaluateRows('c', oracle(3), rows, bootstrap),
    ];
    expect(difference(a, again, 'auc')).toEqual({ value: 0, lower: 0, upper: 0 });
    expect(difference(a, worse, 'auc').lower).toBeGreaterThan(0);
  });
});

describe('the gate of a ranker', () => {
  it('passes what beats logistic regression and refuses what does not, saying why', async () => {
    const simple = await evaluateRows(rival, oracle(4), rows, bootstrap);
    const better = await evaluateRows('better', oracle(11), rows, bootstrap);
    const worse = await evaluateRows('worse', oracle(3), rows, bootstrap);
    expect(rankerFaults(better, [simple])).toEqual([]);
    expect(rankerFaults(worse, [simple]).join('; ')).toMatch(
      /worse does not beat logistic regression on the test rows: AUC 0\.\d+ against 0\.\d+; worse is less true/,
    );
    expect(rankerFaults({ ...simple, name: 'same' }, [simple])).toHaveLength(1);
  });

  it('refuses good order with untrue probabilities', async () => {
    const simple = await evaluateRows(rival, oracle(4), rows, bootstrap);
    const sure = async () => (await oracle(11)()).map((p) => (p > 0.5 ? 1 : 0.999));
    const faults = rankerFaults(await evaluateRows('sure', sure, rows, bootstrap), [simple]);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain('log-loss');
  });
});

describe('the simple ways to a probability', () => {
  const aucOf = async (name: string, of: typeof split): Promise<number> => {
    const score = baselines.find((baseline) => baseline.name === name)!.fit(of, 1);
    return auc({ probabilities: await score(of.test), labels: of.test.labels });
  };

  it('learn what they can express, and no more', async () => {
    // Each label is of (item × context): neither tells anything alone, only a product of the two does.
    const crossed = splitOpinions((_, item, context) => (item + context) % 2 === 0);
    expect(await aucOf('constant rate', crossed)).toBe(0.5);
    expect(await aucOf('logistic regression', crossed)).toBeLessThan(0.65);
    expect(await aucOf('factorisation machine', crossed)).toBeGreaterThan(0.8);
    const additive = splitOpinions((user, item) => user % 4 < 2 && item % 3 > 0);
    expect(await aucOf('user and item bias', additive)).toBeGreaterThan(0.8);
    const timely = splitOpinions((_, __, context) => context === 2);
    expect(await aucOf('user and item bias', timely)).toBeLessThan(0.6);
    expect(await aucOf('logistic regression', timely)).toBeGreaterThan(0.85);
  });

  it('give the same for the same seed', async () => {
    const machine = baselines.find(({ name }) => name === 'factorisation machine')!;
    expect(await machine.fit(split, 1)(split.test)).toEqual(await machine.fit(split, 1)(split.test));
  });
});
