import path from 'node:path';
import { styleText } from 'node:util';
import type { Config } from './config.ts';
import type { PreparedData } from './data/prepare.ts';
import { primaryOf } from './evaluate/evaluation.ts';
import { explainArtifact } from './evaluate/explain.ts';
import { renderReport } from './evaluate/report.ts';
import type { Release } from './export/export-release.ts';
import type { Candidate, Finalist } from './fit.ts';
import type { Verdict } from './gate.ts';
import type { Context } from './pipeline.ts';
import { codeVersion } from './publish.ts';
import type { FittedRanker } from './ranking/fit-ranker.ts';
import { writeWhole } from './write-whole.ts';

interface Result {
  readonly finalists: readonly Finalist[];
  readonly winner: Finalist;
  readonly release: Release;
  readonly verdict: Verdict;
  readonly published: boolean;
}

interface ReportedRun extends Result {
  readonly config: Config;
  readonly data: PreparedData;
  readonly candidates: readonly Candidate[];
  readonly ranker: FittedRanker | undefined;
}

/** Writes the run's HTML page as `<releaseId>.html` and `latest.html`; returns the latter's path. */
export async function writeReport(
  run: ReportedRun,
  { reportDirectory, reporter, cache }: Context,
): Promise<string> {
  const { config, data, candidates, finalists, winner, ranker, release, verdict, published } = run;
  return reporter.stage('report', async (stage) => {
    const { trainAndValidation: dataset, test } = await data.split();
    const { value: explanations } = await cache.get(
      'explain',
      { ...data.splitInputs, releaseId: release.releaseId },
      () =>
        explainArtifact({
          artifact: winner.artifact,
          examples: winner.test.examples,
          test,
          rows: dataset.itemIds.length,
          seed: config.seed,
          examine: config.explain.examine,
        }),
    );
    const { quantisationRecall } = release.manifest;
    const page = renderReport({
      config,
      dataset,
      fingerprint: data.fingerprint,
      quality: data.quality,
      models: finalists.map((finalist) => ({
        ...candidates.find(({ name }) => name === finalist.name)!,
        ...finalist,
      })),
      winner: winner.name,
      explanations,
      ...(ranker && { ranker }),
      verdict,
      ...(published && { release: { releaseId: release.releaseId, channel: config.channel } }),
      ...(quantisationRecall !== undefined && { quantisationRecall }),
      codeVersion,
      finishedAt: new Date().toISOString(),
    });
    const latest = path.join(reportDirectory, 'latest.html');
    await writeWhole(path.join(reportDirectory, `${release.releaseId}.html`), page);
    await writeWhole(latest, page);
    stage.note(path.relative(process.cwd(), latest));
    return latest;
  });
}

/** The short table that a run ends with: every model, best first, and what became of the release. */
export function printSummary(
  { finalists, winner, release, verdict, published }: Result,
  { reporter, dryRun }: Context,
): void {
  const { primary, protocol, queries } = winner.test;
  const keys = [
    primary,
    ...Object.keys(winner.test.metrics).filter((key) => key !== primary && /^(ndcg|recall)@/.test(key)),
  ];
  reporter.line(`\n  ${protocol}; ${queries.toLocaleString('en-GB')} queries\n`);
  const width = 2 + Math.max(12, ...finalists.map(({ name }) => name.length));
  reporter.line(
    `  ${''.padEnd(width)}${keys.map((key) => key.padStart(11)).join('')}   95 % interval of ${primary}`,
  );
  for (const finalist of finalists.toSorted((a, b) => primaryOf(b.test) - primaryOf(a.test))) {
    const { metrics } = finalist.test;
    const figures = keys.map((key) => metrics[key]!.value.toFixed(4).padStart(11)).join('');
    const { lower, upper } = metrics[primary]!;
    const row = `${finalist.name.padEnd(width)}${figures}   ${lower.toFixed(4)}–${upper.toFixed(4)}`;
    reporter.line(finalist === winner ? `  ${styleText('bold', row)}  ← best on validation` : `  ${row}`);
  }
  reporter.line('');
  for (const reason of verdict.reasons) reporter.line(`  ${styleText('red', 'refused')}: ${reason}`);
  if (verdict.passed && dryRun)
    reporter.line(`  dry run: release ${release.releaseId} passed the gate and was not published`);
  if (published) reporter.line(`  release ${release.releaseId} is published\n`);
}
