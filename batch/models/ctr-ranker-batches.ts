import type { History } from '../../shared/history.ts';
import { defineBatches } from '../training/batches.ts';
import { shuffle, stream } from '../training/examples.ts';
import { normal, type Random } from '../training/random.ts';
import { layOut, type RankerBatch } from './ctr-ranker-layout.ts';

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

/** The same with answers. */
export interface LabelledBatch extends RankerBatch {
  /** [users · C] 1 where the item was wanted. */
  readonly labels: Float32Array;
  /** [users · C] what each row counts; 0 for padding. Their sum is 1. */
  readonly rowWeights: Float32Array;
}

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
