import { DataError } from '../../../shared/errors.ts';
import type { SplitConfig } from '../../config.ts';
import type { EvaluationSet, Split } from '../../evaluate/protocol.ts';
import { notFriendships, ownItems } from '../../training/friend-graph.ts';
import { seededRandom, shuffled } from '../../training/random.ts';
import { type Dataset, selectEvents, withoutEmptyUsers } from '../dataset.ts';
import { ask, percent } from './questions.ts';
import { type Stages, stage } from './stages.ts';

type Rules = Extract<SplitConfig, { kind: 'friendships' }>;

/**
 * Hides friendships, of both people at once, and asks both for whom they lost. In every part the last event of a history
 * is the person's own, with themselves: so they are never ranked, and models know who asks. Whoever has no other
 * friend left is not asked.
 * @throws DataError for events that are no friendships
 */
export function hiddenFriendships(dataset: Dataset, rules: Rules, seed: number, ranked: string): Split {
  const complaint = notFriendships(dataset);
  if (complaint !== undefined) throw new DataError(`split 'friendships': ${complaint}`);
  const stages = drawFriendships(dataset, rules, seed);
  const only = (...wanted: number[]): Dataset =>
    selectEvents(dataset, (event) => wanted.includes(stages[event]!));
  const train = withSelf(only(stage.train));
  const trainAndValidation = withSelf(only(stage.train, stage.validation));
  const question = (history: Dataset, answers: Dataset, share: number): EvaluationSet => ({
    ...ask(history, answers, { excludeHistory: true, minimumHistory: 2 }),
    protocol: `${percent(share)} of the friendships hidden, both people asked, ${ranked} but themselves and known friends`,
  });
  return {
    train: withoutEmptyUsers(train),
    validation: question(train, only(stage.validation), rules.validationShare),
    trainAndValidation: withoutEmptyUsers(trainAndValidation),
    test: question(trainAndValidation, only(stage.test), rules.testShare),
  };
}

/** [events] the stage of the friendship that an event is of; both directions, and repeats, have the same. */
function drawFriendships(dataset: Dataset, { testShare, validationShare }: Rules, seed: number): Stages {
  const { offsets, items, itemIds } = dataset;
  const self = ownItems(dataset);
  const numbers = new Map<number, number>();
  const friendshipOf = new Int32Array(items.length).fill(-1);
  for (const [user, own] of self.entries()) {
    for (let event = offsets[user]!; event < offsets[user + 1]!; event++) {
      const friend = items[event]!;
      if (friend === own) continue;
      const pair = Math.min(own, friend) * itemIds.length + Math.max(own, friend);
      const number = numbers.get(pair) ?? numbers.size;
      numbers.set(pair, number);
      friendshipOf[event] = number;
    }
  }
  const drawn = new Uint8Array(numbers.size);
  const order = shuffled(numbers.size, seededRandom(seed));
  const tests = Math.round(testShare * numbers.size);
  const validations = Math.round(validationShare * numbers.size);
  for (const number of order.subarray(0, tests)) drawn[number] = stage.test;
  for (const number of order.subarray(tests, tests + validations)) drawn[number] = stage.validation;
  return Uint8Array.from(friendshipOf, (number) => (number < 0 ? notAnswered : drawn[number]!));
}

/** Of what the source says of people and themselves: {@link withSelf} says it once and everywhere. */
const notAnswered = 255;

/** With an event of each person with themselves, their last, for all who have any. */
function withSelf(dataset: Dataset): Dataset {
  const { offsets } = dataset;
  const self = ownItems(dataset);
  const present = self.map((_, user) => (offsets[user + 1]! > offsets[user]! ? 1 : 0));
  const added = present.reduce((sum, one) => sum + one, 0);
  const size = dataset.items.length + added;
  const events = {
    items: new Int32Array(new SharedArrayBuffer(4 * size)),
    times: new Float64Array(new SharedArrayBuffer(8 * size)),
    weights: new Float32Array(new SharedArrayBuffer(4 * size)),
  };
  const ends = new Uint32Array(offsets.length);
  for (const [user, own] of self.entries()) {
    const [from, to, start] = [offsets[user]!, offsets[user + 1]!, ends[user]!];
    for (const name of ['items', 'times', 'weights'] as const) {
      events[name].set(dataset[name].subarray(from, to), start);
    }
    const end = start + to - from;
    if (present[user] === 1) {
      events.items[end] = own;
      events.times[end] = dataset.times[to - 1]!;
      events.weights[end] = 1;
    }
    ends[user + 1] = end + present[user]!;
  }
  const { baskets: _, ...rest } = dataset;
  return { ...rest, ...events, offsets: ends };
}
