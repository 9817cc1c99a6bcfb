import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../batch/backend/index.ts';
import type { Dataset } from '../../batch/data/dataset.ts';
import { openArtifact } from '../../batch/export/artifact-scorer.ts';
import type { Artifact, EmbeddingTable, Model, Query, Recommender, Run } from '../../batch/recommender.ts';
import { seededRandom } from '../../batch/training/random.ts';
import { FitError } from '../../shared/errors.ts';
import { topK } from '../../shared/ranking.ts';
import { datasetOf, queriesOf, queryOf, quietRun, type TestEvent } from '../fixtures/dataset.ts';
import { resumed } from './resumed.ts';

/** What a model may be excused from, in `exempt`, with the reason. */
export type Rule = 'checkerboard' | 'checkpoints';

export interface RecommenderCase {
  /** Small enough that a fit on a hundred users takes a second. */
  readonly options?: unknown;
  readonly exempt?: Partial<Record<Rule, string>>;
  /** Of a model for data of a kind: what it is tested on instead. */
  readonly data?: () => { readonly ordinary: Dataset; readonly checkerboard: Checkerboard };
}

/** `answers[user]` is the one item that belongs to the user's and that they do not have. */
export interface Checkerboard {
  readonly dataset: Dataset;
  readonly answers: readonly number[];
}

const day = 86_400;
/** Of ordinary data, the padding item included. */
export const items = 40;
/** In the catalogue, but without an event. */
export const unseen = [items - 2, items - 1] as const;

/** Ninety users of three tastes, each taste a third of the catalogue, with some of everything; two kinds of events. */
function ordinaryDataset(): Dataset {
  const random = seededRandom(11);
  const users = Array.from({ length: 90 }, (_, user) => {
    let time = 1_700_000_000 + Math.floor(random() * 30) * day;
    return Array.from({ length: 3 + Math.floor(random() * 15) }, (): TestEvent => {
      time += Math.floor(random() * 3 * day);
      const popular = Math.floor(random() ** 1.5 * (unseen[0] - 1));
      const item = 1 + (random() < 0.85 ? popular - (popular % 3) + (user % 3) : popular);
      return { item: Math.min(item, unseen[0] - 1), time, weight: random() < 0.3 ? 0.25 : 1 };
    });
  });
  return datasetOf(users, items);
}

/** User u has every item of their own parity but item u + 1, which is the one right answer, in an order that says nothing. */
const boardSize = 24;
function checkerboard(): Checkerboard {
  const random = seededRandom(5);
  const users = Array.from({ length: boardSize }, (_, user) =>
    Array.from({ length: boardSize }, (_, item) => item + 1)
      .filter((item) => item % 2 === (user + 1) % 2 && item !== user + 1)
      .map((item) => ({ item, place: random() }))
      .sort((a, b) => a.place - b.place)
      .map(({ item }) => item),
  );
  return { dataset: datasetOf(users, boardSize + 1), answers: users.map((_, user) => user + 1) };
}

const ordinaryData = () => ({ ordinary: ordinaryDataset(), checkerboard: checkerboard() });

/**
 * What every model must do, whatever it computes: `score` is one function of (history, item), however it is asked;
 * chance comes from the seed; degenerate data ends in a FitError or in finite scores; the export is the model.
 */
export function testRecommender(
  recommender: Recommender,
  { options = {}, exempt = {}, data }: RecommenderCase,
) {
  const fitOn = (train: Dataset, run: Partial<Run> = {}): Promise<Model> =>
    recommender.fit(train, v.parse(recommender.options, options), quietRun(run));
  const unlessExempt = (rule: Rule) =>
    exempt[rule] === undefined
      ? it
      : (title: string, _: unknown) => it.skip(`${title} (exempt: ${exempt[rule]})`, () => {});

  describe(recommender.name, () => {
    const { ordinary: train, checkerboard: board } = data?.() ?? ordinaryData();
    const queries = queriesOf(train).slice(0, 12);
    let model: Model;
    let scores: Float32Array[];
    beforeAll(async () => {
      model = await fitOn(train);
      scores = await model.score(queries);
    });
    afterAll(() => model[Symbol.dispose]());

    it('accepts no options, and refuses an option that it does not know, by name', () => {
      v.parse(recommender.options, {});
      expect(() => v.parse(recommender.options, { surelyNoOption: 1 })).toThrow(/surelyNoOption/);
    });

    it('scores every item of the catalogue', () => {
      for (const row of scores) expect(row.length).toBe(items);
      expect(scores.some((row) => row.subarray(1).some((score) => score > 0))).toBe(true);
      expectNoNaN(scores);
    });

    it('scores a batch as it scores one by one', async () => {
      for (const [at, query] of queries.entries()) {
        expectSameScores((await model.score([query]))[0]!, scores[at]!);
      }
    });

    it('scores a short history the same beside a long one', async () => {
      const short = queryOf(3, 6);
      const long = queryOf(...Array.from({ length: 300 }, (_, event) => 1 + (event % (unseen[0] - 1))));
      const [alone] = await model.score([short]);
      const [beside, longest] = await model.score([short, long]);
      expectSameScores(beside!, alone!);
      expectNoNaN([longest!]);
    });

    it('scores candidates as it scores all items, in the order asked', async () => {
      const candidates = queries.map((_, at) => Int32Array.of(7, at + 1, items - 1, 2, 7));
      const subset = await model.score(queries, candidates);
      for (const [at, row] of subset.entries()) {
        expectSameScores(
          row,
          Float32Array.from(candidates[at]!, (item) => scores[at]![item]!),
        );
      }
      expect((await model.score([queries[0]!], [new Int32Array(0)]))[0]!.length).toBe(0);
    });

    it('answers no queries, and an empty history', async () => {
      expect(await model.score([])).toEqual([]);
      const [empty, full] = await model.score([queryOf(), queries[0]!]);
      expect(empty!.length).toBe(items);
      expectNoNaN([empty!]);
      expectSameScores(full!, scores[0]!);
    });

    it('takes a history of items without events, and of 1,500 events', async () => {
      const thousands = queryOf(...Array.from({ length: 1_500 }, (_, event) => 1 + (event % 30)));
      const answers = await model.score([queryOf(...unseen), queryOf(4, unseen[0]), thousands]);
      expectNoNaN(answers);
      expect(answers.map((row) => row.length)).toEqual([items, items, items]);
    });

    it('gives the same scores and the same export for the same seed', async () => {
      using again = await fitOn(train);
      expect(await again.score(queries)).toEqual(scores);
      expect(await again.export()).toEqual(await model.export());
    });

    it('fits again by its fitted options, which survive JSON', async () => {
      const { fittedOptions } = model;
      expect(JSON.parse(JSON.stringify(fittedOptions))).toEqual(fittedOptions);
      using again = await recommender.fit(train, v.parse(recommender.options, fittedOptions), quietRun());
      expect(again.fittedOptions).toEqual(fittedOptions);
      expectNoNaN(await again.score(queries));
    });

    it('leaves no tensor behind, neither after scoring nor after dispose', async () => {
      const { tf } = await openBackend();
      const before = tf.memory().numTensors;
      const another = await fitOn(train);
      const fitted = tf.memory().numTensors;
      await another.score(queries);
      await another.score(queries.slice(0, 1), [Int32Array.of(1, 2)]);
      await another.export();
      expect(tf.memory().numTensors).toBe(fitted);
      another[Symbol.dispose]();
      expect(tf.memory().numTensors).toBe(before);
    });

    it('asks the validation for its choices, and repeats them by its fitted options', async () => {
      const metrics: number[] = [];
      using chosen = await fitOn(train, {
        validate: async (score) => {
          expectNoNaN(await score(queries));
          metrics.push(metrics.length === 1 ? 1 : 0.5);
          return metrics.at(-1)!;
        },
      });
      expect(metrics.length).not.toBe(1);
      using again = await recommender.fit(
        train,
        v.parse(recommender.options, chosen.fittedOptions),
        quietRun(),
      );
      expect(again.fittedOptions).toEqual(chosen.fittedOptions);
    });

    it('stops when its signal is aborted', async () => {
      const reason = new Error('stopped by the test');
      await expect(fitOn(train, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    });

    unlessExempt('checkpoints')('goes on from a checkpoint to the same model', async () => {
      using model = await resumed((run) => fitOn(train, run));
      expect(await model.score(queries)).toEqual(scores);
    });

    unlessExempt('checkerboard')('finds the one right answer on a checkerboard', async () => {
      const { dataset, answers: expected } = board;
      using trained = await fitOn(dataset);
      const answers = await trained.score(queriesOf(dataset));
      const first = answers.map((row, user) => {
        const own = new Set(queriesOf(dataset)[user]!.history.items);
        return topK(row, 1, (item) => own.has(item)).indices[0];
      });
      expect(first).toEqual(expected);
    });

    it('refuses data without events, saying so', async () => {
      const error = await fitOn(datasetOf([], 1)).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(FitError);
      expect((error as FitError).message).toMatch(/expected .*found/);
      await expect(fitOn(datasetOf([[], []], 5))).rejects.toThrow(FitError);
    });

    it.each([
      ['one event', [[1]], 2],
      ['one user', [[1, 2, 3, 2]], 4],
      ['one item', [[1], [1, 1], [1]], 2],
      ['two users who share nothing', [[1], [2]], 3],
      [
        'events that weigh nothing',
        [
          [
            { item: 1, weight: 0 },
            { item: 2, weight: 0 },
          ],
          [1],
        ],
        3,
      ],
    ] satisfies [string, TestEvent[][], number][])('does not answer NaN for %s', async (_, users, size) => {
      const degenerate = datasetOf(users, size);
      try {
        using fitted = await fitOn(degenerate);
        const answers = await fitted.score([queryOf(), ...queriesOf(degenerate)]);
        expectNoNaN(answers);
        expect(answers[0]!.length).toBe(size);
      } catch (error) {
        expect(error).toBeInstanceOf(FitError);
        expect((error as FitError).message).toMatch(/expected .*found/);
      }
    });

    it('exports an artifact of the right shape', async () => expectValid(await model.export()));

    it('exports an artifact that scores as the model does', async () => {
      const popularity = (await model.score([queryOf()]))[0]!;
      const artifact = await model.export();
      await using scorer = await openArtifact(artifact, popularity);
      const asked: Query[] = [...queries, queryOf(5), queryOf(...unseen, 1)];
      for (const [at, row] of (await model.score(asked)).entries()) {
        const found = await scorer.score(asked[at]!.history);
        found[0] = row[0]!;
        expectSameScores(found, row);
      }
    });
  });
}

/** NaN nowhere but at the padding index; −∞ means "does not rank" and is allowed. */
function expectNoNaN(rows: readonly Float32Array[]): void {
  for (const row of rows) expect(row.subarray(1).some(Number.isNaN)).toBe(false);
}

/** Equal to 1e-4 of the largest score: float32 sums in another order. Index 0 is meaningless and not compared. */
function expectSameScores(found: Float32Array, expected: Float32Array): void {
  expect(found.length).toBe(expected.length);
  const finite = [...expected].filter(Number.isFinite).map(Math.abs);
  const tolerance = 1e-4 * Math.max(0, ...finite);
  for (let at = 1; at < expected.length; at++) {
    const [a, b] = [found[at]!, expected[at]!];
    if (!(a === b || Math.abs(a - b) <= tolerance)) {
      expect.fail(`score ${at}: expected ${b} ± ${tolerance}, found ${a}`);
    }
  }
}

function expectValid(artifact: Artifact): void {
  if (artifact.kind === 'none') return;
  if (artifact.kind === 'neighbours') {
    expect(artifact.rows).toBe(items);
    expect(artifact.items.length).toBe(items * artifact.width);
    expect(artifact.weights.length).toBe(items * artifact.width);
    expect(artifact.items.every((item) => item < items)).toBe(true);
    expect(artifact.weights.every(Number.isFinite)).toBe(true);
    expect(artifact.weights.every((weight, at) => (artifact.items[at] === 0) === (weight === 0))).toBe(true);
    expect(artifact.items.subarray(0, artifact.width).every((item) => item === 0)).toBe(true);
    return;
  }
  expectTable(artifact.items);
  if (artifact.history !== undefined) expectTable(artifact.history);
  expect(artifact.encoder.inputs).toContain('rows');
  expect(artifact.maxHistory).toBeGreaterThan(0);
}

function expectTable({ rows, dimensions, values, bias }: EmbeddingTable): void {
  expect(rows).toBe(items);
  expect(values.length).toBe(rows * dimensions);
  expect(values.every(Number.isFinite)).toBe(true);
  expect(values.subarray(0, dimensions).every((value) => value === 0)).toBe(true);
  if (bias === undefined) return;
  expect(bias.length).toBe(rows);
  expect(bias.every(Number.isFinite)).toBe(true);
}
