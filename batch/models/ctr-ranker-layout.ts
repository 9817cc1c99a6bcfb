import { ages, positions } from '../../shared/features.ts';
import { type History, latest } from '../../shared/history.ts';
import type { Arena } from '../training/shared-memory.ts';

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

/** Somebody who is asked about several items. */
export interface Question {
  readonly history: History;
  /** [C] */
  readonly items: Int32Array;
  /** Of each context feature [C]. */
  readonly context: readonly Int32Array[];
}

const minusInfinity = -1e9;
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
