import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import { type Calibration, calibrated, plattScaling } from '../ranking/calibration.ts';
import type { RankerModel, RankingRows } from '../ranking/ranker.ts';
import { heap } from '../training/shared-memory.ts';
import { layOut, type Question } from './ctr-ranker-layout.ts';
import { itemTable, logits } from './ctr-ranker-network.ts';
import { rankerInputsOf, rankerOnnx } from './ctr-ranker-onnx.ts';
import type { Shape, Weights } from './ctr-ranker-parameters.ts';
import type { Problem } from './ctr-ranker-problem.ts';

type ScoringContext = Pick<Problem, 'features'> & {
  readonly options: Shape & { readonly maxHistory: number };
};

/** Places, of histories and of questions, that are computed at once. */
const placesAtOnce = 32_768;

/** Uncalibrated logits [rows] of rows, with the parameters as they stand. */
export async function logitsOf(
  parameters: Weights,
  { features, options }: ScoringContext,
  rows: RankingRows,
): Promise<Float32Array> {
  const table = tf.tidy(() => tf.clone(itemTable(parameters, features)));
  try {
    return await scoreRows(parameters, options, table, rows);
  } finally {
    table.dispose();
  }
}

async function scoreRows(
  parameters: Weights,
  options: ScoringContext['options'],
  table: tf.Tensor2D,
  rows: RankingRows,
): Promise<Float32Array> {
  const out = new Float32Array(rows.items.length);
  for (const chunk of chunks(rows, options.maxHistory)) {
    await setImmediate();
    const batch = layOut(
      chunk.map(({ question }) => question),
      options.maxHistory,
      heap,
    );
    const z = tf.tidy(() => logits(parameters, options, table, batch));
    const values = (await z.data()) as Float32Array;
    z.dispose();
    for (const [user, { from, question }] of chunk.entries())
      out.set(values.subarray(user * batch.questions, user * batch.questions + question.items.length), from);
  }
  return out;
}

interface Part {
  /** The first of the question's rows. */
  readonly from: number;
  readonly question: Question;
}

/** Rows by user, users of about the same size together, so that little is padding. */
function chunks(rows: RankingRows, maxHistory: number): Part[][] {
  const parts: Part[] = [];
  for (let from = 0; from < rows.users.length; ) {
    const user = rows.users[from]!;
    let to = from + 1;
    while (to < rows.users.length && rows.users[to] === user && to - from < placesAtOnce) to++;
    const question = {
      history: rows.histories[user]!,
      items: rows.items.subarray(from, to),
      context: rows.context.map((column) => column.subarray(from, to)),
    };
    parts.push({ from, question });
    from = to;
  }
  const size = ({ question: { history, items } }: Part): number =>
    Math.min(maxHistory, history.items.length) + items.length;
  parts.sort((a, b) => size(b) - size(a) || a.from - b.from);
  const all: Part[][] = [];
  let room = 0;
  for (const part of parts) {
    // The first of a chunk is its largest, or nearly.
    if (room <= 0) {
      all.push([]);
      room = Math.max(1, Math.floor(placesAtOnce / (size(part) + 1)));
    }
    all.at(-1)!.push(part);
    room--;
  }
  return all;
}

/** A trained ranker, calibrated on the validation rows; nothing of the parameters' own tensors kept. */
export async function createModel(
  parameters: Weights,
  problem: Problem,
  fittedOptions: unknown,
): Promise<RankerModel> {
  const { validation, options } = problem;
  const weights = tf.tidy(() =>
    Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, tf.clone(value)])),
  );
  const table = tf.tidy(() => tf.clone(itemTable(weights, problem.features)));
  const calibration = plattScaling(await scoreRows(weights, options, table, validation), validation.labels);
  return {
    fittedOptions,
    score: async (rows) => calibrated(await scoreRows(weights, options, table, rows), calibration),
    export: () => artifact(weights, table, problem, calibration),
    [Symbol.dispose]: () => tf.dispose({ ...weights, table }),
  };
}

const artifact = async (
  weights: Weights,
  table: tf.Tensor2D,
  { options, train: { context } }: Problem,
  calibration: Calibration,
): ReturnType<RankerModel['export']> => ({
  kind: 'ranker',
  items: {
    rows: table.shape[0],
    dimensions: table.shape[1],
    values: (await table.data()) as Float32Array,
  },
  network: {
    onnx: rankerOnnx(weights, options, context?.names ?? [], calibration),
    inputs: rankerInputsOf(context?.names ?? []),
  },
  context: context?.names.map((name, feature) => ({ name, values: context.values[feature]! })) ?? [],
  maxHistory: options.maxHistory,
});
