import type { BackendName } from './backend/index.ts';
import type { StageCache } from './cache.ts';
import type { Config } from './config.ts';
import { prepareData } from './data/prepare.ts';
import type { Release } from './export/export-release.ts';
import { chooseWinner, configuredModels, fitCandidates, testFinalists } from './fit.ts';
import { gate, type Verdict } from './gate.ts';
import type { Reporter } from './progress.ts';
import { makeRelease, publishRelease } from './publish.ts';
import { configuredRanker, fitRanker, released } from './ranking/fit-ranker.ts';
import { readServing, testServing } from './serving.ts';
import type { Store } from './store/index.ts';
import { printSummary, writeReport } from './summary.ts';

/** What surrounds a run: where things are, who watches, when to stop. */
export interface Context {
  /** Relative source paths start here. */
  readonly baseDirectory: string;
  readonly reportDirectory: string;
  readonly cache: StageCache;
  /** The device that trains. It is part of what a fitted stage is kept under: figures differ between devices. */
  readonly backend: BackendName;
  readonly store: Store;
  /** Opens `s3://bucket`, for sources that lie there. */
  readonly openBucket: (address: string) => Store;
  /** Everything but the writes to the store. */
  readonly dryRun: boolean;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

export interface Outcome extends Verdict {
  readonly release: Release;
  /** Path of the HTML report. */
  readonly report: string;
}

/**
 * The whole job: events → dataset → split → train → evaluate → rank → gate → release. Each stage's result is kept, and one whose
 * inputs did not change is not run again.
 */
export async function runPipeline(config: Config, context: Context): Promise<Outcome> {
  const entrants = configuredModels(config);
  const ranked = configuredRanker(config);
  const serving = await readServing(config, context);
  const data = await prepareData(config, serving, context);
  const candidates = await fitCandidates(entrants, config, data, context);
  const finalists = await testFinalists(config, data, candidates, context);
  const winner = chooseWinner(candidates, finalists);
  const ranker = await fitRanker(ranked, config, data, context);
  const release = await makeRelease({ config, data, winner, finalists, ranker: released(ranker) }, context);
  const defender = await testServing(serving, release, { config, data }, context);
  const verdict = gate({ winner, finalists, defender, release }, config);
  const published = verdict.passed && !context.dryRun;
  if (published) await publishRelease(config, release, serving, context);
  const report = await writeReport(
    { config, data, candidates, finalists, winner, ranker, release, verdict, published },
    context,
  );
  printSummary({ finalists, winner, release, verdict, published }, context);
  return { ...verdict, release, report };
}
