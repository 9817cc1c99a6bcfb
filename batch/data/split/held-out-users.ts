import type { SplitConfig } from '../../config.ts';
import type { EvaluationSet, Split } from '../../evaluate/protocol.ts';
import { seededRandom, shuffled } from '../../training/random.ts';
import { type Dataset, selectEvents, withoutEmptyUsers } from '../dataset.ts';
import { ask, percent } from './questions.ts';

type Rules = Extract<SplitConfig, { kind: 'held-out-users' }>;

/**
 * Strong generalisation (Liang et al. 2018): chosen users are held out whole; of each a random `foldIn` of the events
 * is the history, in its order, and the rest is asked for.
 */
export function heldOutUsers(dataset: Dataset, rules: Rules, seed: number, ranked: string): Split {
  const { userIds, offsets } = dataset;
  const random = seededRandom(seed);
  const order = shuffled(userIds.length, random);
  const testUsers = Math.round(userIds.length * rules.testShare);
  const validationUsers = Math.round(userIds.length * rules.validationShare);
  const isTest = new Uint8Array(userIds.length);
  const isValidation = new Uint8Array(userIds.length);
  for (const user of order.subarray(0, testUsers)) isTest[user] = 1;
  for (const user of order.subarray(testUsers, testUsers + validationUsers)) isValidation[user] = 1;

  const userOf = new Int32Array(dataset.items.length);
  const asked = new Uint8Array(dataset.items.length);
  for (let user = 0; user < userIds.length; user++) {
    const from = offsets[user]!;
    const size = offsets[user + 1]! - from;
    userOf.fill(user, from, from + size);
    if (isTest[user] === 0 && isValidation[user] === 0) continue;
    // 10 · (1 − 0.8) falls just short of 2.
    const answers = shuffled(size, random).subarray(0, Math.floor(size * (1 - rules.foldIn) + 1e-9));
    for (const position of answers) asked[from + position] = 1;
  }
  const question = (members: Uint8Array): EvaluationSet => {
    const part = (wanted: number): Dataset =>
      selectEvents(dataset, (event) => members[userOf[event]!] === 1 && asked[event] === wanted);
    const protocol = `held-out users, ${percent(rules.foldIn)} of their events are the history, ${ranked} but these`;
    return { ...ask(part(0), part(1), { excludeHistory: true, minimumHistory: 1 }), protocol };
  };
  const train = (held: (user: number) => boolean): Dataset =>
    withoutEmptyUsers(selectEvents(dataset, (event) => !held(userOf[event]!)));
  return {
    train: train((user) => isTest[user] === 1 || isValidation[user] === 1),
    validation: question(isValidation),
    trainAndValidation: train((user) => isTest[user] === 1),
    test: question(isTest),
  };
}
