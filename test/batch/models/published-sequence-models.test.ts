import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../../batch/backend/index.ts';
import { caser, caserNetwork } from '../../../batch/models/caser.ts';
import { nextItNet, nextItNetNetwork } from '../../../batch/models/next-it-net.ts';
import { seededRandom } from '../../../batch/training/random.ts';
import { topK } from '../../../shared/ranking.ts';
import { datasetOf, queryOf, quietRun } from '../../fixtures/dataset.ts';
import { expectSameEncoder } from '../../fixtures/sequence-encoder.ts';

beforeAll(async () => {
  await openBackend();
});

describe('the encoder is the same in ONNX for histories of any length', () => {
  it.each([1, 5, 9])('caser, of %i events', async (maxHistory) => {
    await expectSameEncoder(caserNetwork({ dimensions: 6, maxHistory, horizontal: 3, vertical: 2 }), false);
  });
  it.each([{ dilations: [1] }, { dilations: [1, 4, 2] }])('next-it-net, %o', async ({ dilations }) => {
    await expectSameEncoder(nextItNetNetwork({ dimensions: 6, maxHistory: 12, dilations }), false);
  });
});

/** A chain in which the next item follows from the last and the fourth last. */
function chains(users: number, length: number, items: number) {
  const draw = seededRandom(9);
  return Array.from({ length: users }, () => {
    const own = Array.from({ length: 4 }, () => 1 + Math.floor(draw() * items));
    while (own.length < length) own.push(following(own, items));
    return own;
  });
}
const following = (own: readonly number[], items: number): number =>
  1 + ((own.at(-1)! + 2 + 3 * (own.at(-4)! % 2)) % items);

/** The last item alone would tell half of the answers. */
describe('fitting', () => {
  const items = 16;
  it.each([
    { recommender: caser, options: { dropout: 0, epochs: 24 } },
    { recommender: nextItNet, options: { maxHistory: 16, epochs: 24 } },
  ])('learns what four events of the past tell, $recommender.name', async ({ recommender, options }) => {
    const train = datasetOf(chains(150, 16, items), items + 1);
    const given = v.parse(recommender.options, { ...options, negatives: 'all', positionsPerStep: 300 });
    using model = await recommender.fit(train, given as never, quietRun({ targets: 'any' }));
    const asked = chains(60, 7, items);
    const answers = await model.score(asked.map((own) => queryOf(...own)));
    const right = answers.filter((row, at) => topK(row, 1).indices[0] === following(asked[at]!, items));
    expect(right.length).toBeGreaterThan(45);
  });
});
