import type { Events } from '../data/dataset.ts';
import { defineBatches } from '../training/batches.ts';
import { type Cuts, type Example, epochOrder, exampleAt, stream } from '../training/examples.ts';
import { type HistoryArrays, historyArrays } from '../training/history-arrays.ts';
import { toLocalRows } from '../training/local-rows.ts';
import { type SoftmaxArrays, sampleCandidates, softmaxArrays } from '../training/softmax-arrays.ts';
import { featuresByItem, type ItemFeatures } from './two-tower-features.ts';

/** What two-tower's batches are made from. */
export interface BatchProblem {
  readonly seed: number;
  readonly events: Events;
  readonly cuts: Cuts;
  readonly stepsPerEpoch: number;
  /** Items drawn for a batch's softmax; undefined: all. */
  readonly negatives: number | undefined;
  /** [rows] expected count of each item among one example's targets, taken as what it is among all events. */
  readonly frequency: Float32Array;
  readonly features: ItemFeatures;
  readonly options: {
    readonly targets: 'new' | 'any';
    readonly examplesPerUser: number;
    readonly batchSize: number;
    readonly maxHistory: number;
    readonly halfLifeDays: number | null;
  };
}

export interface TwoTowerBatch {
  readonly histories: HistoryArrays;
  readonly softmax: SoftmaxArrays;
  /** What a batch reads of the tables, by which its items are then numbered; of items only where candidates are drawn. */
  readonly rows: { readonly history: Int32Array; readonly items?: Int32Array };
  /** Of those rows. */
  readonly features: { readonly history: ItemFeatures; readonly items?: ItemFeatures };
}

export const batches = defineBatches(import.meta.url, (problem: BatchProblem) => {
  const { seed, negatives, frequency, options } = problem;
  const examplesOf = createExamples(problem);
  const featuresOf = featuresByItem(problem.features, frequency.length);
  const softmaxOptions = {
    excludeHistory: options.targets === 'new',
    weightOf: recencyWeight(problem.events, options.halfLifeDays),
  };
  return (step, arena): TwoTowerBatch => {
    const examples = examplesOf(step);
    const candidates =
      negatives === undefined
        ? undefined
        : sampleCandidates(examples, negatives, frequency, stream(seed, 'step', step));
    const histories = historyArrays(
      examples.map(({ history }) => history),
      options.maxHistory,
      arena,
    );
    const softmax = softmaxArrays(examples, frequency.length, candidates, softmaxOptions, arena);
    const history = toLocalRows([histories.items], frequency.length);
    const rows = { history, ...(candidates && { items: candidates.items }) };
    const features = {
      history: featuresOf(history),
      ...(candidates && { items: featuresOf(candidates.items) }),
    };
    return { histories, softmax, rows, features };
  };
});

/** The examples of each step; the order of the epoch at hand is kept, not that of others. */
function createExamples({
  events,
  options,
  seed,
  cuts,
  stepsPerEpoch,
}: BatchProblem): (step: number) => Example[] {
  let order: { epoch: number; examples: Int32Array } | undefined;
  return (step) => {
    const epoch = Math.floor(step / stepsPerEpoch);
    if (order?.epoch !== epoch) {
      order = { epoch, examples: epochOrder(cuts, options.examplesPerUser, stream(seed, 'epoch', epoch)) };
    }
    const start = (step % stepsPerEpoch) * options.batchSize;
    return Array.from(order.examples.subarray(start, start + options.batchSize), (at) =>
      exampleAt(events, cuts, at, options.targets),
    );
  };
}

const secondsPerDay = 86_400;
/** What a choice of long ago still counts, so that old data is damped and not thrown away. */
const leastRecency = 0.1;

/** What an example counts: 2^(−age / half-life), not below {@link leastRecency}; ages count back from the newest event. */
function recencyWeight({ times }: Events, halfLifeDays: number | null): (example: Example) => number {
  const newest = times.reduce((latest, time) => Math.max(latest, time), 0);
  return ({ time }) =>
    time > 0 && halfLifeDays !== null
      ? Math.max(leastRecency, 2 ** ((time - newest) / (halfLifeDays * secondsPerDay)))
      : 1;
}
