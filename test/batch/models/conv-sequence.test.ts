import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../../batch/backend/index.ts';
import {
  ConvSequenceOptions,
  convSequence,
  convSequenceNetwork,
} from '../../../batch/models/conv-sequence.ts';
import type { Run } from '../../../batch/recommender.ts';
import { seededRandom } from '../../../batch/training/random.ts';
import { topK } from '../../../shared/ranking.ts';
import { datasetOf, queryOf, quietRun } from '../../fixtures/dataset.ts';
import { expectSameEncoder } from '../../fixtures/sequence-encoder.ts';

beforeAll(async () => {
  await openBackend();
});

describe('the encoder', () => {
  it.each([
    { blocks: 1, kinds: false },
    { blocks: 1, kinds: true },
    { blocks: 3, kinds: true },
  ])('is the same in ONNX for histories of any length, %o', async ({ blocks, kinds }) => {
    const network = convSequenceNetwork({ dimensions: 6, channels: 10, blocks, maxHistory: 12 });
    await expectSameEncoder(network, kinds);
  });
});

describe('profiles', () => {
  it('decide what is left out, and nothing else', () => {
    const fast = v.parse(ConvSequenceOptions, {});
    const full = v.parse(ConvSequenceOptions, { profile: 'full', blocks: 3 });
    expect(fast).toMatchObject({ profile: 'fast', blocks: 1 });
    expect(full).toMatchObject({ profile: 'full', blocks: 3 });
    expect(full.maxHistory).toBeGreaterThan(fast.maxHistory);
  });
});

/** A chain: item i is followed by i + 1 + the parity of the item before, so that only the order of the last two tells. */
function chains(users: number, length: number, items: number) {
  const draw = seededRandom(9);
  return Array.from({ length: users }, () => {
    const own = [1 + Math.floor(draw() * items), 1 + Math.floor(draw() * items)];
    while (own.length < length) own.push(following(own, items));
    return own;
  });
}
const following = (own: readonly number[], items: number): number =>
  1 + ((own.at(-1)! + 2 + 3 * (own.at(-2)! % 2)) % items);

describe('fitting', () => {
  const items = 20;
  const train = datasetOf(chains(150, 14, items), items + 1);
  const fitOn = (options: object, run: Partial<Run> = {}) =>
    convSequence.fit(
      train,
      v.parse(convSequence.options, { maxHistory: 8, positionsPerStep: 300, ...options }),
      quietRun({ targets: 'any', ...run }),
    );

  it.each([{ negatives: 'all' }, { negatives: 4, blocks: 2 }])(
    'learns what only the order tells, %o',
    async (options) => {
      using model = await fitOn({ ...options, epochs: 12 });
      const asked = chains(60, 5, items);
      const answers = await model.score(asked.map((own) => queryOf(...own)));
      const right = answers.filter((row, at) => topK(row, 1).indices[0] === following(asked[at]!, items));
      expect(right.length).toBeGreaterThan(54);
    },
  );

  it('answers popularity to an empty history, and reads no more than maxHistory events', async () => {
    using model = await fitOn({ epochs: 1 });
    const newest = [3, 7, 2, 9, 9, 4, 1, 5];
    const [empty, long, cut] = await model.score([
      queryOf(),
      queryOf(6, 6, 8, ...newest),
      queryOf(...newest),
    ]);
    const counts = new Float32Array(items + 1);
    for (const own of chains(150, 14, items)) for (const item of new Set(own)) counts[item]!++;
    expect(empty).toEqual(counts);
    expect(long).toEqual(cut);
  });

  it('knows which items go together before its first step, from a spectral start', async () => {
    // Two halves of the catalogue, each user of one of them.
    const own = (user: number) => Array.from({ length: 5 }, (_, i) => 1 + ((7 * user + 3 * i) % 10));
    const users = Array.from({ length: 60 }, (_, user) => own(user).map((item) => item + 10 * (user % 2)));
    const halves = datasetOf(users, items + 1);
    const sideOf = (item: number): boolean => item > 10;
    const right = async (start: string): Promise<number> => {
      const options = v.parse(convSequence.options, { start, stopAfter: 0 });
      using model = await convSequence.fit(halves, options, quietRun());
      const answers = await model.score(Array.from({ length: items }, (_, i) => queryOf(i + 1)));
      return answers.filter((row, i) =>
        [...topK(row, 5).indices].every((item) => sideOf(item) === sideOf(i + 1)),
      ).length;
    };
    expect(await right('spectral')).toBeGreaterThan(16);
    expect(await right('random')).toBeLessThan(8);
  });

  it('refits as far along the same schedule as validation found best', async () => {
    let asked = 0;
    const validate = async (): Promise<number> => [0, 1, 3, 2, 1, 1][asked++] ?? 0;
    using chosen = await fitOn({ epochs: 6, validations: 6, patience: 2 }, { validate });
    expect(chosen.fittedOptions).toMatchObject({ epochs: 6, stopAfter: 2 });
    expect(asked).toBe(5);
    using again = await convSequence.fit(
      train,
      v.parse(convSequence.options, chosen.fittedOptions),
      quietRun({ targets: 'any' }),
    );
    const query = [queryOf(3, 4, 5)];
    expect(await again.score(query)).toEqual(await chosen.score(query));
  });
});
