import { calibrated } from '../ranking/calibration.ts';
import { logLoss } from '../ranking/metrics.ts';
import type { RankingSplit, ScoreRows } from '../ranking/ranker.ts';
import { shuffle, stream } from '../training/examples.ts';
import { normal, seededRandom } from '../training/random.ts';
import { type Encoded, type Field, oneHotEncoder } from './one-hot.ts';

export interface FactorisationOptions {
  readonly fields: readonly Field[];
  /** Width of the features' factors; 0: none, which is logistic regression. */
  readonly factors: number;
}

/** Strengths of the regularisation among which validation chooses. */
const strengths = [1e-5, 1e-4, 1e-3] as const;
const learningRate = 0.1;
const maximumEpochs = 40;
/** Epochs in a row without a new best after which training ends. */
const patience = 2;
const factorScale = 0.05;

/**
 * A factorisation machine (Rendle 2010) of the cross-entropy over one-hot fields, by AdaGrad (Duchi et al. 2011), a row at a time:
 * logit = w₀ + Σ_j w_j x_j + Σ_{j<k} ⟨v_j, v_k⟩ x_j x_k. Strength of the penalty and number of epochs are chosen on the
 * validation rows.
 */
export function fitFactorisation(
  split: Pick<RankingSplit, 'train' | 'validation'>,
  options: FactorisationOptions,
  seed: number,
): ScoreRows {
  const encode = oneHotEncoder(split, options.fields);
  const { offsets, items, weights, context } = split.train;
  const users = new Int32Array(items.length);
  for (let user = 0; user + 1 < offsets.length; user++) users.fill(user, offsets[user], offsets[user + 1]);
  const train = encode({ users, items, context: context?.columns ?? [] });
  const labels = Uint8Array.from(weights, (weight) => (weight > 0 ? 1 : 0));
  const asked = encode(split.validation);
  let best: { loss: number; machine: Machine } | undefined;
  for (const strength of strengths) {
    const machine = createMachine(train.width, options.factors, seed);
    const squares = { linear: ones(machine.linear), factors: ones(machine.factors) };
    for (let epoch = 0, sinceBest = 0; epoch < maximumEpochs && sinceBest < patience; epoch++) {
      const order = shuffle(Int32Array.from(labels.keys()), stream(seed, 'epoch', epoch));
      const learn = learner(machine, squares, strength);
      for (const row of order) learn(train, row, labels[row]!);
      const loss = logLoss({ probabilities: predict(machine, asked), labels: split.validation.labels });
      sinceBest++;
      if (best !== undefined && loss >= best.loss) continue;
      best = { loss, machine: copy(machine) };
      sinceBest = 0;
    }
  }
  return async (rows) => predict(best!.machine, encode(rows));
}

interface Machine {
  /** [width + 1], the last of them w₀. */
  readonly linear: Float32Array;
  /** [width · k] */
  readonly factors: Float32Array;
  readonly k: number;
}

const ones = (values: Float32Array): Float32Array => new Float32Array(values.length).fill(1);
const copy = ({ linear, factors, k }: Machine): Machine => ({
  linear: linear.slice(),
  factors: factors.slice(),
  k,
});

function createMachine(width: number, k: number, seed: number): Machine {
  const draw = normal(seededRandom(seed));
  const factors = Float32Array.from({ length: width * k }, () => factorScale * draw());
  return { linear: new Float32Array(width + 1), factors, k };
}

/** The logit of a row; `sums` [k] is left holding Σ_j v_j x_j. */
function logitOf(
  { linear, factors, k }: Machine,
  { starts, features, values }: Encoded,
  row: number,
  sums: Float64Array,
): number {
  let logit = linear.at(-1)!;
  let squares = 0;
  sums.fill(0);
  for (let at = starts[row]!; at < starts[row + 1]!; at++) {
    const feature = features[at]!;
    const x = values[at]!;
    logit += linear[feature]! * x;
    for (let f = 0; f < k; f++) {
      const product = factors[feature * k + f]! * x;
      sums[f]! += product;
      squares += product * product;
    }
  }
  for (let f = 0; f < k; f++) logit += 0.5 * sums[f]! * sums[f]!;
  return logit - 0.5 * squares;
}

function predict(machine: Machine, rows: Encoded): Float32Array {
  const sums = new Float64Array(machine.k);
  const logits = Float32Array.from({ length: rows.starts.length - 1 }, (_, row) =>
    logitOf(machine, rows, row, sums),
  );
  return calibrated(logits, { slope: 1, offset: 0 });
}

/** One row's step of AdaGrad; `squares` are the sums of squared gradients. */
function learner(
  machine: Machine,
  squares: Pick<Machine, 'linear' | 'factors'>,
  strength: number,
): (rows: Encoded, row: number, label: number) => void {
  const { linear, factors, k } = machine;
  const sums = new Float64Array(k);
  const step = (values: Float32Array, seen: Float32Array, at: number, slope: number): void => {
    seen[at]! += slope * slope;
    values[at]! -= (learningRate * slope) / Math.sqrt(seen[at]!);
  };
  return (rows, row, label) => {
    const error = 1 / (1 + Math.exp(-logitOf(machine, rows, row, sums))) - label;
    step(linear, squares.linear, linear.length - 1, error);
    for (let at = rows.starts[row]!; at < rows.starts[row + 1]!; at++) {
      const feature = rows.features[at]!;
      const x = rows.values[at]!;
      step(linear, squares.linear, feature, error * x + strength * linear[feature]!);
      for (let f = 0, place = feature * k; f < k; f++, place++) {
        const factor = factors[place]!;
        step(factors, squares.factors, place, error * x * (sums[f]! - factor * x) + strength * factor);
      }
    }
  };
}
