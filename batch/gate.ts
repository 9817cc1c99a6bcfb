import type { Config } from './config.ts';
import { compare } from './evaluate/compare.ts';
import { type Evaluation, primaryOf } from './evaluate/evaluation.ts';
import type { Release } from './export/export-release.ts';
import type { Finalist } from './fit.ts';
import type { TestedServing } from './serving.ts';

/** Whether a release may serve. A refusal is an ordinary result and says why. */
export interface Verdict {
  readonly passed: boolean;
  readonly reasons: readonly string[];
}

export interface GateInput {
  /** What would be released, as measured on the test split. */
  readonly winner: Finalist;
  readonly finalists: readonly Finalist[];
  /** The release now serving, on the same test split; undefined when none serves or it cannot be read. */
  readonly defender: TestedServing | undefined;
  readonly release: Release;
}

/**
 * Publishes nothing that loses: not to a baseline of the same run, not to the release now serving, not to its own float32
 * form. Noise is no loss: a retrained model that is a hair behind on these queries passes, one that is surely behind does not.
 */
export function gate(input: GateInput, config: Config): Verdict {
  const reasons = [
    ...losesToBaseline(input, config),
    ...losesToServing(input, config),
    ...losesInQuantisation(input, config),
    ...rankerMoves(input, config),
  ];
  return { passed: reasons.length === 0, reasons };
}

const figure = (value: number): string => value.toFixed(4);

/** Whether the winner is worse than a rival on the same queries: the whole interval of the paired difference below zero. */
function isWorse({ test }: Finalist, rival: Evaluation, { evaluation, seed }: Config): boolean {
  return compare(test, rival, { samples: evaluation.bootstrapSamples, seed })[test.primary]!.upper < 0;
}

function losesToBaseline({ winner, finalists }: GateInput, config: Config): string[] {
  const { primary } = winner.test;
  return finalists
    .filter(({ name, baseline, test }) => baseline && name !== winner.name && isWorse(winner, test, config))
    .map(
      ({ name, test }) =>
        `${winner.name} loses to ${name} on the test split: ${primary} ${figure(primaryOf(winner.test))} against ${figure(primaryOf(test))}`,
    );
}

function losesToServing({ winner, defender }: GateInput, config: Config): string[] {
  if (defender === undefined) return [];
  const found = primaryOf(winner.test);
  const serving = primaryOf(defender.test);
  const bar = serving * config.gate.minimumRatio;
  if (found >= bar && !isWorse(winner, defender.test, config)) return [];
  return [
    `${winner.name} loses to the serving release ${defender.releaseId}: ${winner.test.primary} ${figure(found)} against ${figure(serving)}; expected at least ${figure(bar)} and no significant loss`,
  ];
}

function losesInQuantisation(
  { release }: GateInput,
  { gate: { minimumQuantisationRecall } }: Config,
): string[] {
  const { quantisationRecall } = release.manifest;
  if (quantisationRecall === undefined || quantisationRecall >= minimumQuantisationRecall) return [];
  return [
    `the int8 tables keep ${figure(quantisationRecall)} of float32's top 100; expected at least ${minimumQuantisationRecall}`,
  ];
}

function rankerMoves({ release }: GateInput, { gate: { maximumRankerDifference } }: Config): string[] {
  const { ranker } = release.manifest;
  if (ranker === undefined || ranker.quantisationDifference <= maximumRankerDifference) return [];
  return [
    `the int8 table moves a probability of the ranker ${ranker.model.name} by ${figure(ranker.quantisationDifference)}; expected at most ${maximumRankerDifference}`,
  ];
}
