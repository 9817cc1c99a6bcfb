import type { Manifest, ModelMetrics, ReleasedRanker } from '../../shared/release.ts';
import type { StoredRelease } from './list.ts';
import type { PrunedRelease } from './prune.ts';
import type { Verification } from './verify.ts';

/** Terminal text about releases. */

/** Rows under a heading, columns aligned: those named in `right` to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(...rows.map((row) => row[i]?.length ?? 0)),
  );
  const cell = (text: string, i: number): string =>
    right.includes(i) ? text.padStart(widths[i]!) : text.padEnd(widths[i]!);
  return rows.map((row) => `  ${row.map(cell).join('  ').trimEnd()}`).join('\n');
}

const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** In decimal units, as disks and clouds count. */
export function formatBytes(bytes: number): string {
  const unit = bytes < 1_000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1_000 ** unit).toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}

/** UTC, to the minute. */
const formatTime = (time: Date): string => `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

const plural = (count: number, noun: string): string =>
  `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;

export function formatList(releases: readonly StoredRelease[], where: string): string {
  if (releases.length === 0) return `No release in ${where}.`;
  const rows = releases.map((release) => [
    release.releaseId,
    formatTime(release.writtenAt),
    formatBytes(release.bytes),
    models(release),
    primaryMetric(release),
    status(release),
  ]);
  return table([['release', 'written', 'size', 'model', 'metric', 'status'], ...rows], [2]);
}

/** What retrieves and, where there is one, what ranks. */
const models = ({ manifest }: StoredRelease): string =>
  [manifest?.model.name, manifest?.ranker?.model.name].filter((name) => name !== undefined).join(' + ');

function primaryMetric({ manifest }: StoredRelease): string {
  if (manifest === undefined) return '';
  const { primary, models } = manifest.evaluation;
  const estimate = models.find((model) => model.name === manifest.model.name)?.metrics[primary];
  return estimate === undefined ? '' : `${primary} ${estimate.value.toFixed(4)}`;
}

function status({ faults, channels }: StoredRelease): string {
  const serving = channels.map((channel) => `serves on ${channel}`);
  return [...serving, ...(faults.length === 0 ? [] : [`incomplete: ${faults[0]}`])].join(', ');
}

export function formatRelease(release: StoredRelease): string {
  const { releaseId, manifest, faults, channels } = release;
  const facts: string[][] = [
    ['release', releaseId],
    ['written', formatTime(release.writtenAt)],
    ['serves on', channels.join(', ') || 'no channel'],
    ...faults.map((fault) => ['incomplete', fault]),
  ];
  if (manifest === undefined) return table(facts);
  const { data, evaluation, files, artifact, ranker } = manifest;
  const period = [data.firstEvent, data.lastEvent].map((time) =>
    formatTime(new Date(time * 1_000)).slice(0, 10),
  );
  facts.push(
    ['name', manifest.name],
    ['model', `${manifest.model.name} (${artifact.kind})`],
    ...(ranker === undefined ? [] : rankerFacts(ranker)),
    ['code', manifest.code.version],
    [
      'data',
      `${plural(data.events, 'event')} of ${plural(data.users, 'user')} on ${plural(data.items, 'item')}` +
        (data.firstEvent > 0 ? `, ${period.join(' to ')}` : ''),
    ],
    ['fingerprint', data.fingerprint],
    ['test', evaluation.protocol],
  );
  const tables = [metricsTable(evaluation), ...(ranker === undefined ? [] : [rankerTable(ranker)])];
  const listed = Object.entries(files).map(([file, { bytes, sha256 }]) => [file, formatBytes(bytes), sha256]);
  return [table(facts), ...tables, table([['file', 'size', 'sha256'], ...listed], [1])].join('\n\n');
}

function rankerFacts({ model, candidates, context, evaluation, quantisationDifference }: ReleasedRanker) {
  const features = context.map(({ name, values }) => `${name} (${plural(values.length, 'value')})`);
  return [
    ['ranker', `${model.name}, over ${candidates} candidates`],
    ['context', features.join(', ') || 'none'],
    ['ranker test', `${evaluation.protocol}; ${plural(evaluation.examples, 'example')}`],
    ['int8', `moves no probability by more than ${quantisationDifference}`],
  ];
}

/** Rankers in the order in which they were released: the one that serves first. */
function rankerTable({ evaluation }: ReleasedRanker): string {
  const keys = ['auc', 'logLoss', 'ece'] as const;
  const rows = evaluation.models.map(({ name, metrics }) => [
    name,
    ...keys.map((key) => metrics[key].value.toFixed(4)),
  ]);
  return table([['ranker', ...keys], ...rows], [1, 2, 3]);
}

/** Models by the primary metric, best first, with it and the other metrics at the same cut-off. */
function metricsTable({ primary, models }: Manifest['evaluation']): string {
  const cutOff = primary.slice(primary.indexOf('@'));
  const others = Object.keys(models[0]?.metrics ?? {}).filter(
    (key) => key.endsWith(cutOff) && key !== primary,
  );
  const columns = [primary, ...others];
  const primaryOf = (model: ModelMetrics): number => model.metrics[primary]?.value ?? 0;
  const rows = models
    .toSorted((a, b) => primaryOf(b) - primaryOf(a))
    .map(({ name, metrics }) => [name, ...columns.map((key) => metrics[key]?.value.toFixed(4) ?? '')]);
  const right = columns.map((_, i) => i + 1);
  return table([['model', ...columns], ...rows], right);
}

export function formatVerification({ releaseId, faults, files, bytes }: Verification): string {
  if (faults.length === 0)
    return `Release ${releaseId} is whole: ${plural(files, 'file')}, ${formatBytes(bytes)}, every checksum right.`;
  return [`Release ${releaseId} cannot serve:`, ...faults.map((fault) => `  ${fault}`)].join('\n');
}

export function formatPrune(releases: readonly PrunedRelease[], dryRun: boolean): string {
  if (releases.length === 0) return 'No release, nothing to prune.';
  const removed = releases.filter((pruned) => pruned.removed);
  const bytes = removed.reduce((sum, { release }) => sum + release.bytes, 0);
  const verb = { true: ['would remove', 'would keep'], false: ['removed', 'kept'] }[`${dryRun}`];
  const rows = releases.map((pruned) => [
    pruned.release.releaseId,
    verb[pruned.removed ? 0 : 1]!,
    formatBytes(pruned.release.bytes),
    pruned.reason,
  ]);
  const sum = `${dryRun ? 'Would free' : 'Freed'} ${formatBytes(bytes)}: ${plural(removed.length, 'release')}.`;
  return `${table(rows, [2])}\n\n${sum}`;
}
