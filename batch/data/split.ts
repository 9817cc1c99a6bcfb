import { ConfigError, DataError } from '../../shared/errors.ts';
import type { SplitConfig } from '../config.ts';
import type { EvaluationSet, Split } from '../evaluate/protocol.ts';
import { type Dataset, selectEvents, withoutEmptyUsers } from './dataset.ts';
import { coldItems } from './split/cold-items.ts';
import { hiddenFriendships } from './split/friendships.ts';
import { heldOutUsers } from './split/held-out-users.ts';
import { ask, percent, type QuestionRules } from './split/questions.ts';
import {
  lastBaskets,
  lastEvents,
  newestEvents,
  randomEvents,
  type Stages,
  stage,
  validationLast,
} from './split/stages.ts';

/**
 * Divides a dataset. Items keep their numbers in every part. A test history is everything before the test, validation
 * included; a validation history everything before the validation.
 * @param test of a `files` split, its events in the dataset's numbering (see {@link loadTestEvents})
 * @throws DataError where the data leave nobody to ask, ConfigError where they lack what the split needs
 */
export function splitDataset(dataset: Dataset, config: SplitConfig, seed: number, test?: Dataset): Split {
  const split = divide(dataset, config, seed, test);
  for (const part of ['validation', 'test'] as const) {
    if (split[part].queries.length > 0) continue;
    throw new DataError(
      `split '${config.kind}': the ${part} part has no user to ask, of ${count(dataset.userIds.length)} users with ${count(dataset.items.length)} events`,
    );
  }
  return split;
}

const count = (number: number): string => number.toLocaleString('en-GB');

function divide(dataset: Dataset, config: SplitConfig, seed: number, test: Dataset | undefined): Split {
  const ranked = `all ${count(dataset.itemIds.length - 1)} items ranked`;
  const exceptHistory = `${ranked} but the user's own`;
  switch (config.kind) {
    case 'leave-one-out': {
      const rules = { excludeHistory: true, minimumHistory: 1 };
      const protocol = `leave-one-out: each user's last item, ${exceptHistory}`;
      return byStages(dataset, lastEvents(dataset), rules, protocol);
    }
    case 'last-basket': {
      if (dataset.baskets === undefined) {
        throw new ConfigError("split 'last-basket' needs data.events.columns.basketId");
      }
      const excludeHistory = config.targets === 'new';
      const protocol = `last basket, ${excludeHistory ? `new items, ${exceptHistory}` : `any item, ${ranked}`}; users with at least ${config.minimumHistory} different items before it`;
      const rules = { excludeHistory, minimumHistory: config.minimumHistory };
      return byStages(dataset, lastBaskets(dataset, dataset.baskets), rules, protocol);
    }
    case 'time': {
      const { stages, testFrom } = newestEvents(dataset, config);
      if (testFrom === 0) throw new ConfigError("split 'time' needs data.events.columns.time");
      const excludeHistory = config.targets === 'new';
      const protocol = `events from ${new Date(testFrom * 1000).toISOString().slice(0, 16)}Z on, ${excludeHistory ? `new items, ${exceptHistory}` : `any item, ${ranked}`}; users with a history before`;
      return byStages(dataset, stages, { excludeHistory, minimumHistory: 1 }, protocol);
    }
    case 'held-out-users':
      return heldOutUsers(dataset, config, seed, ranked);
    case 'cold-items':
      return coldItems(dataset, config, seed);
    case 'friendships':
      return hiddenFriendships(dataset, config, seed, ranked);
    case 'files': {
      if (test === undefined) throw new ConfigError("split 'files' needs its test events");
      return givenTest(dataset, test, config, { seed, exceptHistory });
    }
  }
}

function byStages(dataset: Dataset, stages: Stages, rules: QuestionRules, protocol: string): Split {
  const only = (...wanted: number[]): Dataset =>
    selectEvents(dataset, (event) => wanted.includes(stages[event]!));
  const train = only(stage.train);
  const trainAndValidation = only(stage.train, stage.validation);
  const question = (history: Dataset, answers: Dataset): EvaluationSet => ({
    ...ask(history, answers, rules),
    protocol,
  });
  return {
    train: withoutEmptyUsers(train),
    validation: question(train, only(stage.validation)),
    trainAndValidation: withoutEmptyUsers(trainAndValidation),
    test: question(trainAndValidation, only(stage.test)),
  };
}

/** The test is given; each user's last event of the rest is the validation, or a random share of them. */
function givenTest(
  dataset: Dataset,
  test: Dataset,
  { validationShare: share }: Extract<SplitConfig, { kind: 'files' }>,
  { seed, exceptHistory }: { readonly seed: number; readonly exceptHistory: string },
): Split {
  const stages = share === undefined ? validationLast(dataset) : randomEvents(dataset, share, seed);
  const rules = { excludeHistory: true, minimumHistory: 1 };
  const asked =
    share === undefined ? 'last training item' : `training items, a random ${percent(share)} of them`;
  const { train, validation } = byStages(dataset, stages, rules, `each user's ${asked}, ${exceptHistory}`);
  const protocol = `given test events, ${exceptHistory}`;
  return { train, validation, trainAndValidation: dataset, test: { ...ask(dataset, test, rules), protocol } };
}
