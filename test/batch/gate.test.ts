import { describe, expect, it } from 'vitest';
import type { Evaluation } from '../../batch/evaluate/evaluation.ts';
import type { Release } from '../../batch/export/export-release.ts';
import type { Finalist } from '../../batch/fit.ts';
import { gate } from '../../batch/gate.ts';
import { parseConfig } from '../../batch/load-config.ts';

const config = parseConfig(
  { name: 'Gate', data: { events: { path: 'e.csv', columns: { userId: 'u', itemId: 'i' } } } },
  'gate.config.ts',
);

/** An evaluation of 200 queries whose values alternate around a mean, `spread` apart. */
function evaluation(mean: number, spread = 0.02): Evaluation {
  const values = Float32Array.from(
    { length: 200 },
    (_, query) => mean + (query % 2 === 0 ? spread : -spread),
  );
  return {
    protocol: 'p',
    queries: 200,
    primary: 'ndcg@10',
    metrics: { 'ndcg@10': { value: mean, lower: mean - 0.01, upper: mean + 0.01 } },
    perQuery: { 'ndcg@10': values },
    slices: [],
    exposure: [],
    examples: [],
  };
}

const finalist = (name: string, baseline: boolean, test: Evaluation): Finalist => ({
  name,
  baseline,
  options: {},
  test,
  artifact: { kind: 'none' },
});

const release = (quantisationRecall?: number): Release =>
  ({ releaseId: '0'.repeat(16), manifest: { quantisationRecall }, files: new Map() }) as unknown as Release;

const judge = (
  winner: Evaluation,
  rivals: Record<string, Evaluation>,
  serving?: Evaluation,
  recall?: number,
) => {
  const chosen = finalist('two-tower', false, winner);
  const finalists = [...Object.entries(rivals).map(([name, test]) => finalist(name, true, test)), chosen];
  const defender = serving && { releaseId: 'f'.repeat(16), test: serving };
  return gate({ winner: chosen, finalists, defender, release: release(recall) }, config);
};

describe('the gate', () => {
  it('passes a winner that beats its baselines when nothing serves yet', () => {
    expect(judge(evaluation(0.2), { popularity: evaluation(0.1), ease: evaluation(0.19) })).toEqual({
      passed: true,
      reasons: [],
    });
  });

  it('refuses what surely loses to a baseline on the test split, naming each', () => {
    const { passed, reasons } = judge(evaluation(0.1), {
      ease: evaluation(0.2),
      'item-knn': evaluation(0.15),
    });
    expect(passed).toBe(false);
    expect(reasons).toHaveLength(2);
    expect(reasons[0]).toBe('two-tower loses to ease on the test split: ndcg@10 0.1000 against 0.2000');
  });

  it('takes noise for no loss', () => {
    const noisy = evaluation(0.199, 0.1);
    const opposite = {
      ...evaluation(0.2),
      perQuery: { 'ndcg@10': evaluation(0.2, -0.1).perQuery['ndcg@10']! },
    };
    expect(judge(noisy, { ease: opposite }, opposite).passed).toBe(true);
  });

  it('refuses what surely loses to the serving release, and passes its equal', () => {
    expect(judge(evaluation(0.2), {}, evaluation(0.21)).reasons[0]).toMatch(
      /loses to the serving release f{16}: ndcg@10 0\.2000 against 0\.2100/,
    );
    expect(judge(evaluation(0.2), {}, evaluation(0.2)).passed).toBe(true);
  });

  it('refuses a fall below the least ratio, however noisy', () => {
    const noisy = evaluation(0.17, 0.17);
    const serving = {
      ...evaluation(0.2),
      perQuery: { 'ndcg@10': evaluation(0.2, -0.2).perQuery['ndcg@10']! },
    };
    expect(judge(noisy, {}, serving).reasons).toHaveLength(1);
  });

  it('refuses tables that quantisation has spoilt', () => {
    expect(judge(evaluation(0.2), {}, undefined, 0.98).passed).toBe(true);
    expect(judge(evaluation(0.2), {}, undefined, 0.9).reasons).toEqual([
      "the int8 tables keep 0.9000 of float32's top 100; expected at least 0.97",
    ]);
  });

  it('refuses a ranker whose probabilities the int8 table moves too far, and says by how much', () => {
    const chosen = finalist('two-tower', false, evaluation(0.2));
    const judged = (quantisationDifference: number) => {
      const ranker = { model: { name: 'ctr-ranker' }, quantisationDifference };
      const { releaseId, files } = release();
      const ranked = { releaseId, files, manifest: { ranker } } as unknown as Release;
      return gate({ winner: chosen, finalists: [chosen], defender: undefined, release: ranked }, config);
    };
    expect(judged(0.05)).toEqual({ passed: true, reasons: [] });
    expect(judged(0.0612).reasons).toEqual([
      'the int8 table moves a probability of the ranker ctr-ranker by 0.0612; expected at most 0.05',
    ]);
  });
});
