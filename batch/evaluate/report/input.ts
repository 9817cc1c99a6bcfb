import type { Config } from '../../config.ts';
import type { Dataset } from '../../data/dataset.ts';
import type { QualityReport } from '../../data/quality.ts';
import type { RankerRelease } from '../../export/ranker.ts';
import { compare, type Difference } from '../compare.ts';
import { type Evaluation, primaryOf } from '../evaluation.ts';
import type { Explanations } from '../explain.ts';
import { type Series, seriesStyles } from './chart.ts';

/** A model of the run: how it was chosen, how it tested, how it trained. */
export interface ReportedModel {
  readonly name: string;
  readonly baseline: boolean;
  /** With every default, and with what early stopping decided. */
  readonly options: unknown;
  /** Fitted on the training split: what the choice was made by. */
  readonly validation: Evaluation;
  /** Fitted on training and validation events: what is reported. */
  readonly test: Evaluation;
  readonly curves: readonly { readonly series: string; readonly step: number; readonly value: number }[];
}

/** All that a report says; it reads no clock, no file and no environment. */
export interface ReportInput {
  readonly config: Config;
  /** The events that the reported models were fitted on, with the titles of their items. */
  readonly dataset: Dataset;
  /** sha256 of the prepared data. */
  readonly fingerprint: string;
  readonly quality: QualityReport;
  /** Every model of the run, the winner among them. */
  readonly models: readonly ReportedModel[];
  /** Name of the model that was best on the validation split. */
  readonly winner: string;
  /** What orders the retrieved items; with reasons where it is not released. */
  readonly ranker?: Pick<RankerRelease, 'evaluation'> & { readonly faults: readonly string[] };
  /** What the gate said. */
  readonly verdict: { readonly passed: boolean; readonly reasons: readonly string[] };
  /** What was published; absent after a refusal or a dry run. */
  readonly release?: { readonly releaseId: string; readonly channel: string };
  /** Why the released model recommends what the winner's examples show. */
  readonly explanations: Explanations;
  /** Share of float32's top 100 that the int8 tables keep; absent without tables. */
  readonly quantisationRecall?: number;
  readonly codeVersion: string;
  /** ISO 8601, UTC. */
  readonly finishedAt: string;
}

/** What several sections need, worked out once. */
export interface Findings {
  readonly input: ReportInput;
  readonly primary: string;
  readonly winner: ReportedModel;
  /** Best on the test split first. */
  readonly ranked: readonly ReportedModel[];
  /** The winner minus each other model, by that model's name. */
  readonly leads: ReadonlyMap<string, Readonly<Record<string, Difference>>>;
  /** The models that charts show: the winner, the best other one, popularity. */
  readonly charted: readonly { readonly model: ReportedModel; readonly series: Series }[];
}

export function findingsOf(input: ReportInput): Findings {
  const winner = input.models.find(({ name }) => name === input.winner)!;
  const ranked = input.models.toSorted((a, b) => primaryOf(b.test) - primaryOf(a.test));
  const others = ranked.filter((model) => model !== winner);
  const popularity = others.find(({ name }) => name === 'popularity');
  const charted = [winner, others.find((model) => model !== popularity), popularity].filter(
    (model) => model !== undefined,
  );
  const bootstrap = { samples: input.config.evaluation.bootstrapSamples, seed: input.config.seed };
  return {
    input,
    primary: winner.test.primary,
    winner,
    ranked,
    leads: new Map(others.map((model) => [model.name, compare(winner.test, model.test, bootstrap)])),
    charted: charted.map((model, at) => ({ model, series: { ...seriesStyles[at]!, name: model.name } })),
  };
}
