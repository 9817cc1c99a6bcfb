import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { metricAt, metricNames, relevantRanks } from '../../../batch/evaluate/metrics.ts';

const value = (key: string, ranked: readonly number[], targets: readonly number[]): number =>
  metricAt(key, 'relevant').of(relevantRanks(ranked, new Set(targets)), targets.length);

const truncated = (k: number, ranked: readonly number[], targets: readonly number[]): number =>
  metricAt(`recall@${k}`, 'truncated').of(relevantRanks(ranked, new Set(targets)), targets.length);

describe('hand-computed cases', () => {
  // Relevant items 7 and 9 stand at ranks 2 and 5; a third, 11, is not ranked.
  const ranked = [3, 7, 4, 5, 9, 6];
  const targets = [7, 9, 11];

  it.each([
    ['recall@1', 0],
    ['recall@2', 1 / 3],
    ['recall@5', 2 / 3],
    ['hit@1', 0],
    ['hit@2', 1],
    ['mrr@1', 0],
    ['mrr@5', 1 / 2],
    ['map@5', (1 / 2 + 2 / 5) / 3],
    ['map@2', 1 / 2 / 2],
    // DCG = 1/log2(3) + 1/log2(6); ideal = 1/log2(2) + 1/log2(3) + 1/log2(4)
    ['ndcg@5', (0.6309297535714575 + 0.3868528072345416) / (1 + 0.6309297535714575 + 0.5)],
    ['ndcg@2', 0.6309297535714575 / (1 + 0.6309297535714575)],
    ['ndcg@1', 0],
  ])('%s = %d', (key, expected) => {
    expect(value(key, ranked, targets)).toBeCloseTo(expected, 12);
  });

  it('recall over min(k, relevant), as Liang et al. 2018 define it', () => {
    expect(truncated(2, ranked, targets)).toBe(1 / 2);
    expect(truncated(5, ranked, targets)).toBeCloseTo(2 / 3, 12);
  });

  it('a ranking shorter than k counts as it is', () => {
    expect(value('recall@20', [7], targets)).toBeCloseTo(1 / 3, 12);
    expect(value('ndcg@20', [], targets)).toBe(0);
  });
});

/** A ranking of distinct items and a non-empty target set, partly ranked. */
const cases = fc.record({
  ranked: fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 40 }),
  targets: fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 }),
  k: fc.integer({ min: 1, max: 45 }),
});

describe('properties', () => {
  it('every metric lies in [0, 1] and is 0 exactly when nothing relevant is among the first k', () => {
    fc.assert(
      fc.property(cases, ({ ranked, targets, k }) => {
        const any = ranked.slice(0, k).some((item) => targets.includes(item));
        for (const name of metricNames) {
          const found = value(`${name}@${k}`, ranked, targets);
          expect(found).toBeGreaterThanOrEqual(0);
          expect(found).toBeLessThanOrEqual(1 + 1e-12);
          expect(found > 0).toBe(any);
        }
      }),
    );
  });

  it('recall, hit and mrr never fall as k grows', () => {
    fc.assert(
      fc.property(cases, ({ ranked, targets, k }) => {
        for (const name of ['recall', 'hit', 'mrr']) {
          const more = value(`${name}@${k + 1}`, ranked, targets);
          expect(more).toBeGreaterThanOrEqual(value(`${name}@${k}`, ranked, targets));
        }
      }),
    );
  });

  it('a perfect ranking reaches 1, recall over all relevant items as much as k allows', () => {
    fc.assert(
      fc.property(cases, ({ ranked, targets, k }) => {
        const perfect = [...targets, ...ranked.filter((item) => !targets.includes(item))];
        for (const name of ['ndcg', 'hit', 'mrr', 'map']) {
          expect(value(`${name}@${k}`, perfect, targets)).toBeCloseTo(1, 12);
        }
        expect(truncated(k, perfect, targets)).toBe(1);
        expect(value(`recall@${k}`, perfect, targets)).toBe(Math.min(k, targets.length) / targets.length);
      }),
    );
  });

  it('names of items, the order of targets and what is ranked beyond k do not matter', () => {
    fc.assert(
      fc.property(cases, ({ ranked, targets, k }) => {
        const renamed = (item: number): number => 1_000 - item;
        for (const name of metricNames) {
          const key = `${name}@${k}`;
          const expected = value(key, ranked, targets);
          expect(value(key, ranked.map(renamed), targets.toReversed().map(renamed))).toBe(expected);
          expect(value(key, ranked.slice(0, k), targets)).toBe(expected);
        }
      }),
    );
  });

  it('moving a relevant item one place up never hurts', () => {
    fc.assert(
      fc.property(cases, fc.nat(), ({ ranked, targets, k }, chance) => {
        const places = ranked.flatMap((item, at) => (at > 0 && targets.includes(item) ? [at] : []));
        if (places.length === 0) return;
        const at = places[chance % places.length]!;
        const better = [...ranked];
        [better[at - 1], better[at]] = [better[at]!, better[at - 1]!];
        for (const name of metricNames) {
          const key = `${name}@${k}`;
          expect(value(key, better, targets)).toBeGreaterThanOrEqual(value(key, ranked, targets) - 1e-12);
        }
      }),
    );
  });
});
