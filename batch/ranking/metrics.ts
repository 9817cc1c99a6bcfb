/** How good probabilities are: of rows, each with a weight (how often it counts). Formulas and sources: docs/evaluation.md. */
export interface Predictions {
  /** [rows] */
  readonly probabilities: Float32Array;
  /** [rows] 1 or 0. */
  readonly labels: Uint8Array;
}

/** Bins of equal numbers of rows over which the calibration error is taken. */
export const calibrationBins = 20;

/** Rows from the least probable to the most. */
export const ascending = (probabilities: Float32Array): Uint32Array =>
  Uint32Array.from(probabilities, (_, row) => row).sort(
    (a, b) => probabilities[a]! - probabilities[b]! || a - b,
  );

/**
 * The chance that a wanted row is given a higher probability than an unwanted one, equal ones counting half: the area under the
 * ROC curve (Hanley & McNeil 1982). NaN where one of the labels is missing.
 * @param order {@link ascending} of the probabilities
 */
export function auc(
  { probabilities, labels }: Predictions,
  order = ascending(probabilities),
  weights?: Float32Array,
): number {
  let below = 0;
  let concordant = 0;
  let positives = 0;
  for (let from = 0; from < order.length; ) {
    const value = probabilities[order[from]!]!;
    let tiedPositives = 0;
    let tiedNegatives = 0;
    let to = from;
    for (; to < order.length && probabilities[order[to]!] === value; to++) {
      const weight = weights === undefined ? 1 : weights[order[to]!]!;
      if (labels[order[to]!] === 1) tiedPositives += weight;
      else tiedNegatives += weight;
    }
    concordant += tiedPositives * (below + tiedNegatives / 2);
    below += tiedNegatives;
    positives += tiedPositives;
    from = to;
  }
  return concordant / (positives * below);
}

/** Keeps a probability of 0 or 1 that turned out wrong from costing infinitely much. */
const leastProbability = 1e-7;

/** −log of the probability that was given to what happened, [rows]. */
export const rowLosses = ({ probabilities, labels }: Predictions): Float32Array =>
  probabilities.map(
    (p, row) => -Math.log(Math.min(1, Math.max(leastProbability, labels[row] === 1 ? p : 1 - p))),
  );

/** Mean of {@link rowLosses}. */
export function logLoss(predictions: Predictions): number {
  const losses = rowLosses(predictions);
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

/** One bin of the reliability diagram. */
export interface Bin {
  readonly rows: number;
  /** Mean probability, and the share of rows that were wanted. */
  readonly predicted: number;
  readonly observed: number;
}

/** Rows in the order of their probability, cut into {@link calibrationBins} bins of equal weight; equal ones are not parted. */
export function reliability(
  { probabilities, labels }: Predictions,
  order = ascending(probabilities),
  weights?: Float32Array,
): Bin[] {
  const weightOf = (row: number): number => (weights === undefined ? 1 : weights[row]!);
  let total = 0;
  for (const row of order) total += weightOf(row);
  const sums = Array.from({ length: calibrationBins }, () => ({ rows: 0, predicted: 0, observed: 0 }));
  let before = 0;
  let bin = sums[0]!;
  let last = Number.NaN;
  for (const row of order) {
    const weight = weightOf(row);
    if (probabilities[row] !== last)
      bin = sums[Math.min(calibrationBins - 1, Math.floor((before / total) * calibrationBins))]!;
    last = probabilities[row]!;
    bin.rows += weight;
    bin.predicted += weight * probabilities[row]!;
    bin.observed += weight * labels[row]!;
    before += weight;
  }
  return sums
    .filter(({ rows }) => rows > 0)
    .map(({ rows, predicted, observed }) => ({
      rows,
      predicted: predicted / rows,
      observed: observed / rows,
    }));
}

/**
 * Expected calibration error (Naeini et al. 2015): the mean over {@link reliability}'s bins, by their weight, of how far the mean
 * probability lies from the share that was wanted. Its expectation is above 0 even for true probabilities.
 */
export function calibrationError(
  predictions: Predictions,
  order?: Uint32Array,
  weights?: Float32Array,
): number {
  const bins = reliability(predictions, order, weights);
  const total = bins.reduce((sum, { rows }) => sum + rows, 0);
  return bins.reduce((sum, bin) => sum + (bin.rows / total) * Math.abs(bin.predicted - bin.observed), 0);
}
