import { seededRandom } from '../../batch/training/random.ts';
import { friendsOf } from '../fixtures/friends.ts';
import { items, type RecommenderCase, unseen } from './recommender.ts';

const boardSize = 24;

/** Data for models of who knows whom. In each history people have themselves last, as the split makes it. */
export const friendlyData = (() => ({
  ordinary: circles(),
  checkerboard: {
    dataset: parity(),
    answers: Array.from({ length: boardSize }, (_, person) => stranger(person) + 1),
  },
})) satisfies RecommenderCase['data'];

/** Three circles of people, and some friendships between them; the last two of the catalogue know nobody. */
function circles() {
  const random = seededRandom(11);
  const people = unseen[0] - 1;
  const pairs: [number, number][] = [];
  for (let a = 0; a < people; a++) {
    for (let b = a + 1; b < people; b++) {
      const chance = a % 3 === b % 3 ? 0.6 : 0.08;
      if (random() < chance || b === a + 1) pairs.push([a, b]);
    }
  }
  const dataset = withSelf(pairs, people);
  return {
    ...dataset,
    itemIds: [...dataset.itemIds, ...unseen.map((item) => `person-${item}`)].slice(0, items),
    attributes: Array.from({ length: items }, () => undefined),
  };
}

/** Everybody knows all of their own parity but one, who does not know them. */
function parity() {
  const pairs: [number, number][] = [];
  for (let a = 0; a < boardSize; a++) {
    for (let b = a + 2; b < boardSize; b += 2) if (stranger(a) !== b) pairs.push([a, b]);
  }
  return withSelf(pairs, boardSize);
}

const stranger = (person: number): number => 2 * ((person >> 1) ^ 1) + (person % 2);

const withSelf = (pairs: readonly [number, number][], people: number) =>
  friendsOf(
    [...pairs, ...Array.from({ length: people }, (_, person): [number, number] => [person, person])],
    people,
  );
