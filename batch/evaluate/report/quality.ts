import type { QualityCheck, QualityReport, Sample, SourceProfile } from '../../data/quality.ts';
import { count, counted, percent, rounded, shortened } from './format.ts';
import { type Html, html } from './html.ts';

/** What was read, what was kept, what is wrong with it and how bad that is, with rows that show it. */
export function qualityTable(quality: QualityReport): Html {
  const { read, kept } = quality.rows;
  const [telling, silent] = [quality.checks.filter(tells), quality.checks.filter((check) => !tells(check))];
  const share = read > 0 ? ` (${percent(kept / read)})` : '';
  return html`<p class="lead">Of ${counted(read, 'row')} read, ${count(kept)} became events${share}. ${verdict(quality)}</p>
    ${checkList('Data quality checks', telling)}
    ${
      silent.length > 0 &&
      html`<details><summary>${counted(silent.length, 'check')} more without a finding</summary>
      ${checkList('Checks without a finding', silent)}</details>`
    }
    ${quality.sources.map(sourceProfile)}`;
}

function verdict({ checks }: QualityReport): string {
  const of = (severity: QualityCheck['severity']): number =>
    checks.filter((check) => check.severity === severity).length;
  const found = [counted(of('error'), 'error'), counted(of('warning'), 'warning')].join(' and ');
  return `${counted(checks.length, 'check')}: ${found}.`;
}

/** Whether a check is worth a look: it found fault, or has rows to show. */
const tells = ({ severity, samples = [] }: QualityCheck): boolean => severity !== 'ok' || samples.length > 0;

const checkList = (title: string, checks: readonly QualityCheck[]): Html | undefined =>
  checks.length === 0
    ? undefined
    : html`<ul class="checks" aria-label="${title}">${checks.map(checkItem)}</ul>`;

const checkItem = ({ name, severity, message, value, threshold, samples }: QualityCheck): Html => html`
  <li><span class="tag ${severity}">${severity}</span>
  <div class="finding"><p><strong>${name}:</strong> <bdi>${message}</bdi></p>
    ${samples !== undefined && samples.length > 0 && sampleTable(name, samples)}</div>
  <p class="number">${rounded(value)}${threshold !== undefined && html`<small>limit ${rounded(threshold)}</small>`}</p></li>`;

const longestCell = 60;

function sampleTable(check: string, samples: readonly Sample[]): Html {
  const columns = [...new Set(samples.flatMap((sample) => Object.keys(sample)))];
  const cell = (sample: Sample, column: string): string => {
    const value = sample[column];
    if (value === null || value === undefined) return '∅';
    return shortened(typeof value === 'object' ? JSON.stringify(value) : String(value), longestCell);
  };
  return html`<details><summary>${counted(samples.length, 'sample')}</summary>
    <div class="scroll" role="region" tabindex="0" aria-label="Samples: ${check}"><table>
    <caption class="visually-hidden">Samples: ${check}</caption>
    <thead><tr>${columns.map((column) => html`<th scope="col"><bdi>${column}</bdi></th>`)}</tr></thead>
    <tbody>${samples.map(
      (sample) =>
        html`<tr>${columns.map((column) => html`<td><bdi>${cell(sample, column)}</bdi></td>`)}</tr>`,
    )}</tbody></table></div></details>`;
}

const sourceProfile = ({ name, rows, columns }: SourceProfile): Html => html`
  <details><summary>Source <bdi>${name}</bdi>: ${counted(rows, 'row')}, ${counted(columns.length, 'column')}</summary>
  <div class="scroll" role="region" tabindex="0" aria-label="Columns of ${name}"><table>
  <caption class="visually-hidden">Columns of ${name}</caption>
  <thead><tr><th scope="col">Column</th><th scope="col">Type</th><th scope="col" class="number">Missing</th></tr></thead>
  <tbody>${columns.map(
    (column) => html`<tr><th scope="row"><bdi>${column.name}</bdi></th><td>${column.type}</td>
    <td class="number">${count(column.missing)} (${percent(rows > 0 ? column.missing / rows : 0)})</td></tr>`,
  )}</tbody></table></div></details>`;
