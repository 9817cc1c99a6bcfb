import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../batch/backend/index.ts';
import { openRanker } from '../../batch/export/ranker-scorer.ts';
import { assertRankerAgreement } from '../../batch/ranking/agreement.ts';
import { auc, calibrationError } from '../../batch/ranking/metrics.ts';
import type {
  Ranker,
  RankerModel,
  RankerRun,
  RankingRows,
  RankingSplit,
} from '../../batch/ranking/ranker.ts';
import { splitForRanking } from '../../batch/ranking/split.ts';
import { FitError, ReleaseError } from '../../shared/errors.ts';
import { datasetOf, type TestEvent } from '../fixtures/dataset.ts';
import { quietRankerRun, randomRows, splitOpinions } from '../fixtures/ranking.ts';
import { resumed } from './resumed.ts';

export interface RankerCase {
  /** Small enough that a fit on eighty users takes a second or two. */
  readonly options?: unknown;
}

const items = 25;
const nobody = { items: new Int32Array(0), times: new Float64Array(0), weights: new Float32Array(0) };

/** Of these rows the ones for which `keep` holds. */
function rowsOf<T extends RankingRows>(rows: T, keep: (row: number) => boolean): T {
  const chosen = Array.from(rows.items.keys()).filter(keep);
  const pick = (column: Int32Array): Int32Array => Int32Array.from(chosen, (row) => column[row]!);
  return { ...rows, users: pick(rows.users), items: pick(rows.items), context: rows.context.map(pick) };
}

/** What every ranker must do, whatever it computes. */
export function testRanker(ranker: Ranker, { options = {} }: RankerCase) {
  const fitOn = (split: RankingSplit, run: Partial<RankerRun> = {}): Promise<RankerModel> =>
    ranker.fit(split, v.parse(ranker.options, options), quietRankerRun(run));
  const aucOn = async (split: RankingSplit): Promise<number> => {
    using model = await fitOn(split);
    return auc({ probabilities: await model.score(split.test), labels: split.test.labels });
  };

  describe(ranker.name, () => {
    // An item is wanted by those of its taste, which only the history tells, and at night by the others of some items.
    const split = splitOpinions(
      (user, item, context) => ((user + item) % 2 === 0) !== (context === 3 && item < 8),
      { eventsPerUser: 60, users: 50 },
    );
    let model: RankerModel;
    let probabilities: Float32Array;
    beforeAll(async () => {
      model = await fitOn(split);
      probabilities = await model.score(split.test);
    });
    afterAll(() => model?.[Symbol.dispose]());

    it('accepts no options, and refuses an option that it does not know, by name', () => {
      v.parse(ranker.options, {});
      expect(() => v.parse(ranker.options, { surelyNoOption: 1 })).toThrow(/surelyNoOption/);
    });

    it('learns what history, item and context decide together, and how sure it may be', () => {
      const predictions = { probabilities, labels: split.test.labels };
      // A tenth of the labels are noise: nobody can do better than .9.
      expect(auc(predictions)).toBeGreaterThan(0.8);
      expect(calibrationError(predictions)).toBeLessThan(0.12);
    });

    it('learns what item and context decide, of people it knows nothing of', async () => {
      const crossed = splitOpinions((_, item, context) => (item + context) % 2 === 0, {
        eventsPerUser: 12,
        users: 200,
      });
      expect(await aucOn(crossed)).toBeGreaterThan(0.8);
    });

    it('finds that somebody chose this very item before', async () => {
      const again = splitOpinions((user, item) => (user * 7 + item * 5) % 23 < 6, {
        eventsPerUser: 60,
        noise: 0.02,
      });
      expect(await aucOn(again)).toBeGreaterThan(0.8);
    });

    it('scores one row as it scores them together', async () => {
      for (const row of [0, 17, split.test.items.length - 1]) {
        const [alone] = await model.score(rowsOf(split.test, (other) => other === row));
        expect(alone).toBeCloseTo(probabilities[row]!, 5);
      }
      expect((await model.score(rowsOf(split.test, () => false))).length).toBe(0);
    });

    it('answers for an empty history, an unknown context, items without events and 1,500 events', async () => {
      const long = {
        items: Int32Array.from({ length: 1_500 }, (_, event) => 1 + (event % (items - 1))),
        times: new Float64Array(1_500),
        weights: Float32Array.from({ length: 1_500 }, (_, event) => event % 2),
      };
      const answers = await model.score({
        histories: [nobody, long],
        users: Int32Array.of(0, 0, 1),
        items: Int32Array.of(1, items - 1, 2),
        context: [Int32Array.of(0, 1, 0)],
      });
      expect(answers.every((p) => p > 0 && p < 1)).toBe(true);
    });

    it('gives the same probabilities and the same export for the same seed', async () => {
      using again = await fitOn(split);
      expect(await again.score(split.test)).toEqual(probabilities);
      expect(await again.export()).toEqual(await model.export());
    });

    it('leaves no tensor behind, neither after scoring nor after dispose', async () => {
      const { tf } = await openBackend();
      const before = tf.memory().numTensors;
      const another = await fitOn(split);
      const fitted = tf.memory().numTensors;
      await another.score(split.test);
      await another.export();
      expect(tf.memory().numTensors).toBe(fitted);
      another[Symbol.dispose]();
      expect(tf.memory().numTensors).toBe(before);
    });

    it('stops when its signal is aborted, and goes on from a checkpoint to the same model', async () => {
      using model = await resumed((run) => fitOn(split, run));
      expect(await model.score(split.test)).toEqual(probabilities);
    });

    it('refuses data with one label only, saying so, and answers finitely for next to nothing', async () => {
      const { train } = split;
      const liked = { ...split, train: { ...train, weights: train.weights.map(() => 1) } };
      const error = await fitOn(liked).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(FitError);
      expect((error as FitError).message).toMatch(/expected .*found/);
      const few: TestEvent[] = [1, { item: 2, weight: 0 }];
      const tiny = splitForRanking(datasetOf(Array(30).fill(few), 3), { split: randomRows }, 1);
      using fitted = await fitOn(tiny);
      expect((await fitted.score(tiny.test)).every(Number.isFinite)).toBe(true);
    });

    it('exports a table with a row of zeros for padding, and the context as it was numbered', async () => {
      const artifact = await model.export();
      expect([artifact.items.rows, artifact.items.bias]).toEqual([items, undefined]);
      expect(artifact.items.values.length).toBe(items * artifact.items.dimensions);
      expect(artifact.items.values.subarray(0, artifact.items.dimensions).every((x) => x === 0)).toBe(true);
      expect(artifact.context).toEqual([{ name: 'daytime', values: ['morning', 'noon', 'night'] }]);
      expect(artifact.network.inputs).toContain('context');
    });

    it('exports a network that gives its probabilities, for an empty history too', async () => {
      const artifact = await model.export();
      await assertRankerAgreement(model.score, artifact, split.test);
      await using scorer = await openRanker(artifact);
      const user = split.test.users[0]!;
      const candidates = Int32Array.from({ length: items - 1 }, (_, i) => i + 1);
      for (const context of [0, 1, 2, 3]) {
        for (const history of [nobody, split.test.histories[user]!]) {
          const expected = await model.score({
            histories: [history],
            users: new Int32Array(candidates.length),
            items: candidates,
            context: [new Int32Array(candidates.length).fill(context)],
          });
          const found = await scorer.probabilities({ history, candidates, context: Int32Array.of(context) });
          for (const [at, p] of expected.entries()) expect(found[at]).toBeCloseTo(p, 5);
        }
      }
      const altered = {
        ...artifact,
        items: { ...artifact.items, values: artifact.items.values.map((x) => 2 * x) },
      };
      await expect(assertRankerAgreement(model.score, altered, split.test)).rejects.toThrow(ReleaseError);
    });

    it('does without context', async () => {
      const { context: _, ...events } = split.train;
      const bare = (rows: RankingSplit['test']) => ({ ...rows, context: [] });
      const without = { ...split, train: events, validation: bare(split.validation), test: bare(split.test) };
      using fitted = await fitOn(without);
      const artifact = await fitted.export();
      expect([artifact.context, artifact.network.inputs.includes('context')]).toEqual([[], false]);
      await assertRankerAgreement(fitted.score, artifact, without.test);
    });
  });
}
