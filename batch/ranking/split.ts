import { ConfigError, DataError } from '../../shared/errors.ts';
import type { RankerConfig, RankerSplit } from '../config.ts';
import { type Dataset, historyOf, selectEvents } from '../data/dataset.ts';
import { newestEvents, type Stages, stage } from '../data/split/stages.ts';
import { seededRandom } from '../training/random.ts';
import { withNegatives } from './negatives.ts';
import type { LabelledEvents, LabelledRows, RankingSplit } from './ranker.ts';

/** Negatives to each positive where the data have none of their own. */
const defaultNegatives = 2;

/**
 * Labels a dataset's events and divides them. By time, a test row's history is everything before the test; at random, it is the
 * user's training rows.
 * @throws DataError where a part lacks positive or negative rows, ConfigError where the data lack what the split needs
 */
export function splitForRanking(
  dataset: Dataset,
  { split, negatives }: Pick<RankerConfig, 'split' | 'negatives'>,
  seed: number,
): RankingSplit {
  const count = negatives ?? (dataset.weights.includes(0) ? 0 : defaultNegatives);
  const events = withNegatives(dataset, count, seed);
  const { stages, protocol } = divide(events, split, seed);
  const only = (...wanted: number[]): LabelledEvents => select(events, (at) => wanted.includes(stages[at]!));
  const train = only(stage.train);
  const beforeTest = split.kind === 'time' ? only(stage.train, stage.validation) : train;
  const parts = {
    train,
    validation: ask(only(stage.validation), train),
    test: ask(only(stage.test), beforeTest),
  };
  assertBothLabels('training', parts.train.weights);
  assertBothLabels('validation', parts.validation.labels);
  assertBothLabels('test', parts.test.labels);
  const drawn = count === 0 ? '' : `, ${count} drawn negatives to a positive`;
  return { ...parts, protocol: `${protocol}${drawn}` };
}

function divide(
  events: LabelledEvents,
  split: RankerSplit,
  seed: number,
): { readonly stages: Stages; readonly protocol: string } {
  if (split.kind === 'time') {
    const { stages, testFrom } = newestEvents(events, { ...split, targets: 'any' });
    if (testFrom === 0) throw new ConfigError("ranker.split 'time' needs data.events.columns.time");
    return { stages, protocol: `rows from ${new Date(testFrom * 1000).toISOString().slice(0, 16)}Z on` };
  }
  const random = seededRandom(seed);
  const { testShare, validationShare } = split;
  const stages = Uint8Array.from(events.items, () => {
    const draw = random();
    if (draw < testShare) return stage.test;
    return draw < testShare + validationShare ? stage.validation : stage.train;
  });
  const shares = [1 - testShare - validationShare, validationShare, testShare].map(percent).join(' : ');
  return { stages, protocol: `random rows, ${shares}` };
}

const percent = (share: number): string => `${Math.round(share * 100)}`;

function select(events: LabelledEvents, keep: (event: number) => boolean): LabelledEvents {
  const drawn = events.drawn.filter((_, event) => keep(event));
  return { ...selectEvents(events, keep), drawn };
}

/** The rows of `asked`; what is known of their users are the events of `known`. */
function ask(asked: LabelledEvents, known: LabelledEvents): LabelledRows {
  const past = selectEvents(known, (event) => known.drawn[event] === 0);
  const users = new Int32Array(asked.items.length);
  for (let user = 0; user + 1 < asked.offsets.length; user++)
    users.fill(user, asked.offsets[user], asked.offsets[user + 1]);
  return {
    histories: asked.userIds.map((_, user) => historyOf(past, user)),
    users,
    items: asked.items,
    context: asked.context?.columns ?? [],
    labels: Uint8Array.from(asked.weights, (weight) => (weight > 0 ? 1 : 0)),
  };
}

function assertBothLabels(part: string, labels: ArrayLike<number>): void {
  let positives = 0;
  for (let row = 0; row < labels.length; row++) positives += Number(labels[row]! > 0);
  if (positives > 0 && positives < labels.length) return;
  throw new DataError(
    `ranker: expected wanted and unwanted rows in the ${part} part, found ${positives} of ${labels.length} wanted; ` +
      'a kind of events with weight 0 in data.eventKinds, or ranker.negatives, says what was not',
  );
}
