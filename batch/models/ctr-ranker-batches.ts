import { ages, positions } from '../../shared/features.ts';
import { type History, latest } from '../../shared/history.ts';
import { defineBatches } from '../training/batches.ts';
import { shuffle, stream } from '../training/examples.ts';
import { normal, type Random } from '../training/random.ts';
import type { Arena } from '../training/shared-memory.ts';

/** Labelled rows grouped by user, columns in shared memory. */
export interface RowColumns {
  readonly offsets: Uint32Array;
  readonly items: Int32Array;
  readonly times: Float64Array;
  readonly weights: Float32Array;
  /** 1 where a row was drawn as a negative and is no part of a history. */
  readonly drawn: Int32Array;
  readonly context: readonly Int32Array[];
}

/** What the ranker's batches are made from. */
export interface BatchProblem {
  readonly seed: number;
  readonly rows: RowColumns;
  readonly stepsPerEpoch: number;
  readonly options: {
    readonly targetShare: number;
    readonly maxHistory: number;
  };
}

/** Features of an event of a history, in the order of the network's input. */
export const eventFeatures = ['liked', 'disliked', 'age', 'logPosition', 'weight'] as const;
/** Features of a history as a whole. */
export const historyFeatures = [
  'logLiked',
  'logDisliked',
  'likedRate',
  'perLiked',
  'perDisliked',
  'perEvent',
] as const;

/**
 * Users side by side, their histories padded to L places and their questions to C. Place 0 of every history is nothing: what
 * attention falls on that finds nothing to attend to.
 */
export interface RankerBatch {
  readonly users: number;
  readonly length: number;
  readonly questions: number;
  /** [users · L] */
  readonly items: Int32Array;
  /** [users · L · 5] */
  readonly events: Float32Array;
  /** [users · L] 0 for an event and for place 0, −10⁹ for padding: added to the attention's logits. */
  readonly padding: Float32Array;
  /** [users · 6] */
  readonly histories: Float32Array;
  /** [users · C] */
  readonly candidates: Int32Array;
  /** [users · C · 2] log(1 + events of the history on this very item), liked and disliked. */
  readonly matches: Float32Array;
  /** Of each context feature [users · C]. */
  readonly context: readonly Int32Array[];
}

/** The same with answers. */
export interface LabelledBatch extends RankerBatch {
  /** [users · C] 1 where the item was wanted. */
  readonly labels: Float32Array;
  /** [users · C] what each row counts; 0 for padding. Their sum is 1. */
  readonly rowWeights: Float32Array;
}

/** Somebody who is asked about several items. */
export interface Question {
  readonly history: History;
  /** [C] */
  readonly items: Int32Array;
  /** Of each context feature [C]. */
  readonly context: readonly Int32Array[];
}

const minusInfinity = -1e9;
/** How often somebody is taken for new, so that the network knows what to say then. */
const emptyShare = 0.02;
/** How often a value of the context is hidden, so that 0 (unknown) means something. */
const hiddenShare = 0.02;
/** Users of a batch are of about the same number of rows, so that little is padding: spread of the logarithm by which they are sorted. */
const spread = 0.3;

export const batches = defineBatches(import.meta.url, (problem: BatchProblem) => {
  const { rows, options, seed, stepsPerEpoch } = problem;
  let order: { epoch: number; batches: Int32Array[] } | undefined;
  return (step, arena): LabelledBatch => {
    const epoch = Math.floor(step / stepsPerEpoch);
    if (order?.epoch !== epoch)
      order = { epoch, batches: groupUsers(rows, stepsPerEpoch, stream(seed, 'epoch', epoch)) };
    const random = stream(seed, 'step', step);
    const users = order.batches[step % order.batches.length]!;
    const parts = Array.from(users, (user) => partRows(rows, user, options.targetShare, random));
    const questions = parts.map(({ targets, past }) => ({
      history: take(rows, random() < emptyShare ? past.subarray(0, 0) : past),
      items: targets.map((row) => rows.items[row]!),
      context: rows.context.map((column) =>
        targets.map((row) => (random() < hiddenShare ? 0 : column[row]!)),
      ),
    }));
    const batch = layOut(questions, options.maxHistory, arena);
    const total = parts.reduce((sum, { targets }) => sum + targets.length, 0);
    const labels = arena.float32(batch.candidates.length).fill(0);
    const rowWeights = arena.float32(batch.candidates.length).fill(0);
    for (const [user, { targets }] of parts.entries()) {
      for (const [at, row] of targets.entries()) {
        labels[user * batch.questions + at] = rows.weights[row]! > 0 ? 1 : 0;
        rowWeights[user * batch.questions + at] = 1 / total;
      }
    }
    return { ...batch, labels, rowWeights };
  };
});

/** Users in `count` groups of about equally many rows, each of users with about as many as each other; in random order. */
function groupUsers({ offsets }: RowColumns, count: number, random: Random): Int32Array[] {
  const noise = normal(random);
  const size = (user: number): number => offsets[user + 1]! - offsets[user]!;
  const keys = Float64Array.from(
    { length: offsets.length - 1 },
    (_, user) => Math.log(size(user)) + spread * noise(),
  );
  const sorted = Int32Array.from(keys.keys())
    .filter((user) => size(user) > 0)
    .sort((a, b) => keys[a]! - keys[b]! || a - b);
  const total = offsets.at(-1)!;
  const groups: number[][] = Array.from({ length: count }, () => []);
  let before = 0;
  for (const user of sorted) {
    groups[Math.min(count - 1, Math.floor((before / total) * count))]!.push(user);
    before += size(user);
  }
  const filled = groups.filter((group) => group.length > 0);
  const order = shuffle(Int32Array.from(filled.keys()), random);
  return Array.from(order, (group) => Int32Array.from(filled[group]!));
}

/** Against leakage: a random share of a user's rows is asked for, the rest is the history; never both. */
function partRows(
  { offsets, drawn }: RowColumns,
  user: number,
  share: number,
  random: Random,
): { readonly targets: Int32Array; readonly past: Int32Array } {
  const from = offsets[user]!;
  const own = Int32Array.from({ length: offsets[user + 1]! - from }, (_, at) => from + at);
  const count = Math.max(1, Math.floor(own.length * share + random()));
  shuffle(own, random, Math.min(count, own.length));
  return {
    targets: own.slice(0, count),
    past: own
      .slice(count)
      .sort()
      .filter((row) => drawn[row] === 0),
  };
}

const take = ({ items, times, weights }: RowColumns, rows: Int32Array): History => ({
  items: rows.map((row) => items[row]!),
  times: Float64Array.from(rows, (row) => times[row]!),
  weights: Float32Array.from(rows, (row) => weights[row]!),
});

/** Lays questions side by side, of each history the newest `maxHistory` events. */
export function layOut(questions: readonly Question[], maxHistory: number, arena: Arena): RankerBatch {
  const histories = questions.map(({ history }) => latest(history, maxHistory));
  const users = questions.length;
  const length = 1 + Math.max(0, ...histories.map(({ items }) => items.length));
  const width = Math.max(0, ...questions.map(({ items }) => items.length));
  const batch = {
    users,
    length,
    questions: width,
    items: arena.int32(users * length).fill(0),
    events: arena.float32(users * length * eventFeatures.length).fill(0),
    padding: arena.float32(users * length).fill(minusInfinity),
    histories: arena.float32(users * historyFeatures.length),
    candidates: arena.int32(users * width).fill(0),
    matches: arena.float32(users * width * 2).fill(0),
    context: (questions[0]?.context ?? []).map(() => arena.int32(users * width).fill(0)),
  };
  for (const [user, history] of histories.entries()) {
    const { items, context } = questions[user]!;
    layHistory(history, batch, user);
    batch.candidates.set(items, user * width);
    layMatches(history, items, batch.matches.subarray(user * width * 2));
    for (const [feature, column] of context.entries()) batch.context[feature]!.set(column, user * width);
  }
  return batch;
}

function layHistory(
  history: History,
  { length, items, events, padding, histories }: RankerBatch,
  user: number,
): void {
  const from = user * length;
  const old = ages(history);
  const back = positions(history);
  let liked = 0;
  padding[from] = 0;
  for (let event = 0; event < history.items.length; event++) {
    const at = from + 1 + event;
    const isLiked = Number(history.weights[event]! > 0);
    liked += isLiked;
    items[at] = history.items[event]!;
    padding[at] = 0;
    events.set(
      [isLiked, 1 - isLiked, old[event]!, Math.log1p(back[event]!), history.weights[event]!],
      at * eventFeatures.length,
    );
  }
  const disliked = history.items.length - liked;
  histories.set(
    [
      Math.log1p(liked),
      Math.log1p(disliked),
      (liked + 1) / (liked + disliked + 2),
      1 / (liked + 1),
      1 / (disliked + 1),
      1 / (liked + disliked + 1),
    ],
    user * historyFeatures.length,
  );
}

function layMatches({ items, weights }: History, candidates: Int32Array, out: Float32Array): void {
  const counts = new Map<number, [liked: number, disliked: number]>();
  for (let event = 0; event < items.length; event++) {
    const own = counts.get(items[event]!) ?? [0, 0];
    own[weights[event]! > 0 ? 0 : 1]++;
    counts.set(items[event]!, own);
  }
  for (const [at, item] of candidates.entries()) {
    const [liked, disliked] = counts.get(item) ?? [0, 0];
    out[2 * at] = Math.log1p(liked);
    out[2 * at + 1] = Math.log1p(disliked);
  }
}
