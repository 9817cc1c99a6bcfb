import { describe, expect, it } from 'vitest';
import { drift, driftCheck, popularityOf } from '../../../batch/data/drift.ts';
import { assertQuality, withCheck } from '../../../batch/data/quality.ts';
import { datasetOf } from '../../fixtures/dataset.ts';
import { ingest } from '../../fixtures/sources.ts';

const summary = (shares: Record<string, number>, rest = 0) => ({ shares, rest });

describe('drift', () => {
  it('is 0 of the same, 1 of nothing in common, and symmetric', () => {
    const a = summary({ x: 0.5, y: 0.5 });
    const b = summary({ x: 1 });
    expect(drift(a, a)).toBe(0);
    expect(drift(summary({ x: 1 }), summary({ y: 1 }))).toBe(1);
    // ½ (½ log2(½ / ¾) + ½ log2(½ / ¼)) + ½ log2(1 / ¾) = 0.311278
    expect(drift(a, b)).toBeCloseTo(Math.sqrt(0.311278), 6);
    expect(drift(b, a)).toBe(drift(a, b));
  });

  it('summarises the most popular items and the rest', () => {
    const dataset = datasetOf([[1, 1, 2], [1]], 4);
    expect(popularityOf(dataset)).toEqual({ shares: { 'item-000001': 0.75, 'item-000002': 0.25 }, rest: 0 });
    const many = datasetOf([Array.from({ length: 4_000 }, (_, n) => n + 1)], 4_001);
    const { shares, rest } = popularityOf(many);
    expect(Object.keys(shares)).toHaveLength(2_000);
    expect(rest).toBe(0.5);
  });

  it('warns from half of the threshold on, and names what moved most', () => {
    const dataset = datasetOf([[1, 1, 1, 2]], 3);
    const previous = summary({ 'item-000001': 0.25, 'item-000002': 0.75 });
    const check = driftCheck(popularityOf(dataset), previous, 0.5);
    expect(check).toMatchObject({ severity: 'warning', threshold: 0.5 });
    expect(check.samples?.[0]).toEqual({ itemId: 'item-000001', before: 0.25, now: 0.75 });
    expect(driftCheck(popularityOf(dataset), previous, 0.2).severity).toBe('error');
    expect(driftCheck(popularityOf(dataset), popularityOf(dataset), 0.5).severity).toBe('ok');
  });

  it('fails a report that was in order', async () => {
    const data = { events: { path: 'e.csv', columns: { userId: 'u', itemId: 'i' } } };
    const { quality, dataset } = await ingest({ 'e.csv': 'u,i\n1,x\n1,y\n' }, data);
    const drifted = withCheck(quality, driftCheck(popularityOf(dataset), summary({ z: 1 }), 0.8));
    expect(drifted.checks[0]).toMatchObject({ name: 'drift', severity: 'error', value: 1 });
    expect(() => assertQuality(drifted)).toThrow('drift: the Jensen–Shannon distance');
  });
});
