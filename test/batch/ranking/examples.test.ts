import { describe, expect, it } from 'vitest';
import type { defineConfig } from '../../../batch/config.ts';
import { loadDataset } from '../../../batch/data/ingest.ts';
import { parseConfig } from '../../../batch/load-config.ts';
import { splitForRanking } from '../../../batch/ranking/split.ts';
import frappe from '../../../examples/frappe.config.ts';
import ml1mCtr from '../../../examples/ml-1m-ctr.config.ts';
import { contextIn, isMissing, publicData } from '../../fixtures/sources.ts';

const load = async (example: ReturnType<typeof defineConfig>) => {
  const config = parseConfig(example, 'example');
  const { dataset } = await loadDataset(config.data, contextIn(publicData));
  return { dataset, split: splitForRanking(dataset, config.ranker!, config.seed) };
};

describe.skipIf(isMissing('ml-1m/ratings.dat'))('MovieLens 1M as click prediction', () => {
  it('has the rows of the protocol, a tenth of them for the test', { timeout: 120_000 }, async () => {
    const { dataset, split } = await load(ml1mCtr);
    expect(dataset.items.length).toBe(739_012);
    expect(split.train.items.length + split.validation.items.length + split.test.items.length).toBe(739_012);
    expect(split.test.items.length / 739_012).toBeCloseTo(0.1, 2);
    expect(split.train.drawn.includes(1)).toBe(false);
    expect(split.protocol).toBe('random rows, 80 : 10 : 10');
  });
});

describe.skipIf(isMissing('frappe/frappe.csv'))('Frappe', () => {
  it('has the published counts, and two negatives to a positive', { timeout: 120_000 }, async () => {
    const { dataset, split } = await load(frappe);
    expect([dataset.userIds.length, dataset.itemIds.length - 1, dataset.items.length]).toEqual([
      957, 4_082, 96_203,
    ]);
    expect(dataset.context!.names).toHaveLength(8);
    expect(dataset.context!.values[0]).toContain('morning');
    const rows = split.train.items.length + split.validation.items.length + split.test.items.length;
    expect(rows).toBe(3 * 96_203);
    expect(split.protocol).toBe('random rows, 70 : 20 : 10, 2 drawn negatives to a positive');
  });
});
