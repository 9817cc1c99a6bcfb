import type { SoftmaxLists } from '../backend/ops.ts';
import { defineBatches } from '../training/batches.ts';
import { stream } from '../training/examples.ts';
import { toLocalRows } from '../training/local-rows.ts';
import type { TableRows } from '../training/optimiser.ts';
import { normal, type Random, shuffled } from '../training/random.ts';
import type { Arena } from '../training/shared-memory.ts';
import { type Candidates, columnsOf, sampleCandidates } from '../training/softmax-arrays.ts';
import type { ItemBags } from './mult-vae-sets.ts';

/** What mult-vae's batches are made from. */
export interface BatchProblem {
  readonly seed: number;
  /** Of each user. */
  readonly sets: SetColumns;
  readonly batchSize: number;
  readonly stepsPerEpoch: number;
  /** Items drawn for a batch's softmax; undefined: all. */
  readonly negatives: number | undefined;
  /** [rows] average count of each item in one user's set. */
  readonly frequency: Float32Array;
  /** Share of a set that the encoder does not see. */
  readonly dropout: number;
  /** Width of the code. */
  readonly dimensions: number;
}

/** Sets end to end: items and values of set s in places offsets[s] … offsets[s + 1] − 1. In shared memory. */
export interface SetColumns {
  readonly offsets: Int32Array;
  readonly items: Int32Array;
  readonly values: Float32Array;
}

export interface MultVaeBatch {
  /** What the encoder sees. */
  readonly seen: ItemBags;
  /** [sets · dimensions] standard normal numbers. */
  readonly noise: Float32Array;
  /** Every item of a set is a target, and all of a batch count alike. */
  readonly softmax: SoftmaxLists<Int32Array, Float32Array> & { readonly candidates: Candidates | undefined };
  /** [sets] items of each. */
  readonly sizes: Float32Array;
  /** What a batch with drawn candidates reads of the tables, by which its items are then numbered. */
  readonly rows: TableRows | undefined;
}

/** Tables of which a step with drawn candidates reads but some rows. */
export const tablesByRows = ['history', 'items', 'items.bias'] as const;

export const batches = defineBatches(import.meta.url, (problem: BatchProblem) => {
  const { sets, negatives, frequency, seed } = problem;
  const usersOf = createOrder(problem);
  return (step, arena): MultVaeBatch => {
    const random = stream(seed, 'step', step);
    const users = usersOf(step);
    const chosen = Array.from(users, (user) => ({
      targets: sets.items.subarray(sets.offsets[user], sets.offsets[user + 1]),
      values: sets.values.subarray(sets.offsets[user], sets.offsets[user + 1]),
    }));
    const candidates =
      negatives === undefined ? undefined : sampleCandidates(chosen, negatives, frequency, random);
    const seen = dropItems(chosen, problem.dropout, random, arena);
    const noise = arena.float32(users.length * problem.dimensions);
    const draw = normal(random);
    for (let i = 0; i < noise.length; i++) noise[i] = draw();
    const sizes = arena.float32(users.length);
    for (let row = 0; row < users.length; row++) sizes[row] = chosen[row]!.targets.length;
    const softmax = softmaxOf(chosen, frequency.length, candidates, arena);
    if (!candidates) return { seen, noise, sizes, softmax, rows: undefined };
    const history = toLocalRows([seen.items], frequency.length);
    const rows = { history, items: candidates.items, 'items.bias': candidates.items };
    return { seen, noise, sizes, softmax, rows };
  };
});

/** The users of each step, all of them once an epoch but for what does not fill a batch. */
function createOrder({ sets, batchSize, seed, stepsPerEpoch }: BatchProblem): (step: number) => Int32Array {
  const count = sets.offsets.length - 1;
  let order: { readonly epoch: number; readonly users: Int32Array } | undefined;
  return (step) => {
    const epoch = Math.floor(step / stepsPerEpoch);
    if (order?.epoch !== epoch) order = { epoch, users: shuffled(count, stream(seed, 'epoch', epoch)) };
    const start = (step % stepsPerEpoch) * batchSize;
    return order.users.subarray(start, start + batchSize);
  };
}

interface Chosen {
  readonly targets: Int32Array;
  readonly values: Float32Array;
}

/** Sets without a random share of their items, the others enlarged to the same sum on average. */
function dropItems(chosen: readonly Chosen[], dropout: number, random: Random, arena: Arena): ItemBags {
  const size = chosen.reduce((sum, { targets }) => sum + targets.length, 0);
  const [items, bags, values] = [arena.int32(size), arena.int32(size), arena.float32(size)];
  const enlarged = 1 / (1 - dropout);
  let at = 0;
  for (let bag = 0; bag < chosen.length; bag++) {
    const own = chosen[bag]!;
    for (let i = 0; i < own.targets.length; i++) {
      if (random() < dropout) continue;
      items[at] = own.targets[i]!;
      values[at] = own.values[i]! * enlarged;
      bags[at++] = bag;
    }
  }
  return {
    count: chosen.length,
    items: items.subarray(0, at),
    bags: bags.subarray(0, at),
    values: values.subarray(0, at),
  };
}

function softmaxOf(
  chosen: readonly Chosen[],
  rows: number,
  candidates: Candidates | undefined,
  arena: Arena,
): MultVaeBatch['softmax'] {
  const columnOf = columnsOf(candidates?.items, rows);
  const size = chosen.reduce((sum, { targets }) => sum + targets.length, 0);
  const targets = arena.int32(size);
  const targetEnds = arena.int32(chosen.length);
  let at = 0;
  for (let row = 0; row < chosen.length; row++) {
    const items = chosen[row]!.targets;
    for (let i = 0; i < items.length; i++) targets[at++] = columnOf[items[i]!]!;
    targetEnds[row] = at;
  }
  return {
    targets,
    targetWeights: arena.float32(size).fill(1 / size),
    targetEnds,
    // The padding, which is no candidate.
    excluded: arena.int32(1).fill(0),
    excludedStarts: arena.int32(chosen.length).fill(0),
    excludedEnds: arena.int32(chosen.length).fill(candidates ? 0 : 1),
    candidates,
  };
}
