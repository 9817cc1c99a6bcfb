import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  carriers,
  leaveOneOut,
  mostEventsRead,
  mostExamined,
  neighboursEvidence,
} from '../../shared/evidence.ts';
import { type History, without } from '../../shared/history.ts';
import { type Neighbours, scoreByNeighbours } from '../../shared/neighbours.ts';
import { queryOf } from '../fixtures/dataset.ts';

const historyOf = (...events: Parameters<typeof queryOf>): History => queryOf(...events).history;

describe('neighboursEvidence', () => {
  /** Twelve rows of three neighbours each, drawn once. */
  const table: Neighbours = {
    rows: 12,
    width: 3,
    items: Uint32Array.from({ length: 36 }, (_, at) => (at < 3 ? 0 : 1 + ((at * 7) % 11))),
    weights: Float32Array.from({ length: 36 }, (_, at) => (at < 3 ? 0 : ((at * 13) % 17) / 8 - 0.75)),
  };
  const event = fc.record({
    item: fc.integer({ min: 1, max: 13 }),
    weight: fc.constantFrom(0, 0.25, 1),
    time: fc.constant(0),
  });

  it('is what the score loses without the item, for every item, and sums to the score', () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 20 }), (events) => {
        const history = historyOf(...events);
        const scores = scoreByNeighbours(table, history);
        const recommended = Int32Array.from({ length: 11 }, (_, i) => i + 1);
        const { items, contributions, different } = neighboursEvidence(table, history, recommended);
        expect(new Set(items)).toEqual(new Set(history.items));
        expect(different).toBe(items.length);
        for (const [place, item] of recommended.entries()) {
          const own = contributions.subarray(place * items.length, (place + 1) * items.length);
          const score = Number.isFinite(scores[item]!) ? scores[item]! : 0;
          expect(own.reduce((sum, value) => sum + value, 0)).toBeCloseTo(score, 5);
          for (const [i, left] of items.entries()) {
            const other = scoreByNeighbours(table, without(history, new Set([left])))[item]!;
            expect(own[i]).toBeCloseTo(score - (Number.isFinite(other) ? other : 0), 5);
          }
        }
      }),
      { seed: 7 },
    );
  });
});

describe('leaveOneOut', () => {
  /** query = Σ weight · (item, 1), as the encoder of a sum would. */
  const encode = async ({ items, weights }: History): Promise<Float32Array> =>
    Float32Array.of(
      items.reduce((sum, item, event) => sum + item * weights[event]!, 0),
      weights.reduce((sum, weight) => sum + weight, 0),
    );
  const explain = async (history: History, rows: number[]) =>
    leaveOneOut(history, { query: await encode(history), rows: Float32Array.from(rows), encode });

  it('is what the score loses without all events on an item, the newest item first', async () => {
    const history = historyOf(3, 5, { item: 3, weight: 0.5 }, 4, 5);
    const { items, different, method, contributions } = await explain(history, [1, 0, 0, 2]);
    expect({ items: [...items], different, method }).toEqual({
      items: [5, 4, 3],
      different: 3,
      method: 'leave-one-out',
    });
    expect([...contributions]).toEqual([10, 4, 4.5, 4, 2, 3]);
  });

  it('owes everything to an only item, which cannot be left out', async () => {
    const evidence = await explain(historyOf(2, 2), [-1, 0, 1, 0]);
    expect([carriers(evidence, 0), carriers(evidence, 1)]).toEqual([
      [{ item: 2, share: 1 }],
      [{ item: 2, share: 1 }],
    ]);
  });

  it('examines the newest items, as many as the bounds allow', async () => {
    const items = (length: number) => Array.from({ length }, (_, i) => i + 1);
    const examined = async (length: number, most?: number) => {
      let runs = 0;
      const history = historyOf(...items(length));
      const evidence = await leaveOneOut(
        history,
        {
          query: await encode(history),
          rows: Float32Array.of(1, 1),
          encode(other) {
            runs++;
            return encode(other);
          },
        },
        most,
      );
      expect(runs).toBe(evidence.items.length);
      expect(evidence.different).toBe(length);
      expect(evidence.items[0]).toBe(length);
      return runs;
    };
    expect(await examined(20)).toBe(20);
    expect(await examined(20, 5)).toBe(5);
    expect(await examined(51)).toBe(mostExamined);
    expect(await examined(1_000)).toBe(mostEventsRead / 1_000);
  });
});

describe('carriers', () => {
  const evidence = (...contributions: number[]) => ({
    method: 'exact' as const,
    items: Int32Array.of(9, 8, 7, 6),
    different: 4,
    contributions: Float64Array.from(contributions),
  });

  it('names the largest positive contributions as shares of all that are', () => {
    expect(carriers(evidence(1, -5, 3, 4), 0)).toEqual([
      { item: 6, share: 0.5 },
      { item: 7, share: 0.375 },
      { item: 9, share: 0.125 },
    ]);
    expect(carriers(evidence(1, -5, 3, 4), 0, 1)).toEqual([{ item: 6, share: 0.5 }]);
  });

  it('names the newer of equals first, and nothing where nothing spoke for it', () => {
    expect(carriers(evidence(1, 2, 1, 2), 0, 4).map(({ item }) => item)).toEqual([8, 6, 9, 7]);
    expect(carriers(evidence(0, -1, 0, -3), 0)).toEqual([]);
  });
});
