import type { SplitConfig } from '../../config.ts';
import type { EvaluationSet, Split } from '../../evaluate/protocol.ts';
import { seededRandom, shuffled } from '../../training/random.ts';
import { type Dataset, selectEvents, withoutEmptyUsers } from '../dataset.ts';
import { ask } from './questions.ts';

type Rules = Extract<SplitConfig, { kind: 'cold-items' }>;

/**
 * Random items with events become cold: training sees none of their events. Every user who has some of them is asked
 * for these, given the rest of their history, in a ranking of the cold items alone.
 */
export function coldItems(dataset: Dataset, rules: Rules, seed: number): Split {
  const present = Int32Array.from(new Set(dataset.items)).sort();
  const order = shuffled(present.length, seededRandom(seed)).map((at) => present[at]!);
  const testItems = Math.round(present.length * rules.testShare);
  const validationItems = Math.round(present.length * rules.validationShare);
  const test = order.slice(0, testItems).sort();
  const validation = order.slice(testItems, testItems + validationItems).sort();

  const events = (items: Int32Array, among: boolean): ((event: number) => boolean) => {
    const chosen = new Set(items);
    return (event) => chosen.has(dataset.items[event]!) === among;
  };
  const isTest = events(test, true);
  const isValidation = events(validation, true);
  const train = selectEvents(dataset, (event) => !isTest(event) && !isValidation(event));
  const trainAndValidation = selectEvents(dataset, (event) => !isTest(event));
  const question = (
    history: Dataset,
    cold: Int32Array,
    isAnswer: (event: number) => boolean,
  ): EvaluationSet => ({
    ...ask(history, selectEvents(dataset, isAnswer), { excludeHistory: true, minimumHistory: 1 }),
    candidates: cold,
    protocol: `cold items: ${cold.length.toLocaleString('en-GB')} random items withheld from training, ranked among themselves`,
  });
  return {
    train: withoutEmptyUsers(train),
    validation: question(train, validation, isValidation),
    trainAndValidation: withoutEmptyUsers(trainAndValidation),
    test: question(trainAndValidation, test, isTest),
  };
}
