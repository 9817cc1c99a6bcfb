import {
  capitalised,
  count,
  counted,
  day,
  figure,
  metricName,
  signed,
  significance,
} from '../evaluate/report/format.ts';
import { type Html, html } from '../evaluate/report/html.ts';
import { page } from '../evaluate/report/page.ts';
import { figuresChart } from './chart.ts';
import type { Figure, MeasuredModel } from './measure.ts';
import { goalSentence } from './protocol.ts';
import type { BenchmarkResult } from './result.ts';

/** A benchmark as one HTML page: what it came to, beside its goal, its rivals and what others published. */
export const renderBenchmark = (result: BenchmarkResult): string =>
  page(
    `${result.name}: Perigee benchmark`,
    html`${header(result)}
<main id="main">
${modelsSection(result)}
${seedsSection(result)}
${publishedSection(result)}
${settingsSection(result)}
</main>
<footer><p>Perigee ${result.codeVersion}. ${result.machine}; trained on ${result.backend}. The whole catalogue is ranked unless the
  protocol says otherwise.</p></footer>`,
  );

const header = (result: BenchmarkResult): Html => html`<header class="masthead">
  <p class="eyebrow">Perigee benchmark</p>
  <h1>${result.name}</h1>
  ${result.goals.map(
    (goal) =>
      html`<div><div class="verdict ${goal.reached ? 'passed' : 'refused'}"><p>Goal ${goalSentence(goal)}.</p></div></div>`,
  )}
  <dl class="facts">
    <div><dt>Data</dt><dd><bdi>${result.title}</bdi>: ${result.data}</dd></div>
    <div><dt>Protocol</dt><dd>${capitalised(result.protocol)}</dd></div>
    <div><dt>Queries</dt><dd>${count(result.queries)}</dd></div>
    <div><dt>Seeds of the models</dt><dd>${result.seeds.join(', ')}</dd></div>
    <div><dt>Finished</dt><dd><time datetime="${result.finishedAt}">${day(Date.parse(result.finishedAt) / 1_000)}</time></dd></div>
  </dl>
</header>`;

const meanOf = ({ figures }: MeasuredModel, key: string): number => figures[key]?.overSeeds.value ?? 0;

const ranked = ({ models, primary }: BenchmarkResult): MeasuredModel[] =>
  models.toSorted((a, b) => meanOf(b, primary) - meanOf(a, primary));

/** The metrics of the table beside the primary: accuracy at every cut-off. */
const othersOf = ({ models, primary }: BenchmarkResult): string[] =>
  Object.keys(models[0]!.figures).filter(
    (key) => key !== primary && /^(ndcg|recall)@|^(logLoss|ece)$/.test(key),
  );

function modelsSection(result: BenchmarkResult): Html {
  const { primary, seeds } = result;
  const others = othersOf(result);
  const leader = result.goals[0]?.model;
  const name = metricName(primary);
  const leads = result.models.some(({ lead }) => lead !== undefined);
  const caption = `Means over ${counted(seeds.length, 'seed')}; baselines are fitted once`;
  return html`<section id="models" aria-labelledby="models-title">
    <h2 id="models-title">Models</h2>
    <p class="lead">Two intervals, of two questions. Over seeds: what other seeds would give with the same users (Student’s t).
      Over users: what other users would give with the first seed (bootstrap). Neither includes the other.</p>
    ${figuresChart(result, ranked(result))}
    <div class="scroll" role="region" tabindex="0" aria-label="${caption}"><table><caption>${caption}.</caption>
    <thead><tr><th scope="col">Model</th><th scope="col" class="number">${name}</th>
      <th scope="col" class="number">95 % over seeds</th><th scope="col" class="number">95 % over users, seed ${seeds[0]!}</th>
      ${leads && html`<th scope="col" class="number">${leader!} minus it, paired</th>`}
      ${others.map((key) => html`<th scope="col" class="number">${metricName(key)}</th>`)}</tr></thead>
    <tbody>${ranked(result).map(
      (model) => html`<tr${model.name === leader && html` class="winner"`}>
      <th scope="row">${model.name}${model.baseline && html` <span class="tag">baseline</span>`}</th>
      ${intervalCells(primary, model.figures[primary])}
      ${leads && leadCell(primary, model)}
      ${others.map((key) => html`<td class="number">${figure(key, meanOf(model, key))}</td>`)}</tr>`,
    )}</tbody></table></div></section>`;
}

function intervalCells(key: string, found: Figure | undefined): Html {
  if (found === undefined)
    return html`<td class="number">–</td><td class="number">–</td><td class="number">–</td>`;
  const { seeds, overSeeds, overQueries } = found;
  const range = ({ lower, upper }: { lower: number; upper: number }): string =>
    `${figure(key, lower)}–${figure(key, upper)}`;
  return html`<td class="number"><strong>${figure(key, overSeeds.value)}</strong></td>
    <td class="number">${seeds.length > 1 ? range(overSeeds) : 'one fit'}</td>
    <td class="number">${range(overQueries)}</td>`;
}

function leadCell(key: string, { lead }: MeasuredModel): Html {
  if (lead === undefined) return html`<td class="number">–</td>`;
  const direction = lead.lower > 0 ? 'better' : lead.upper < 0 ? 'worse' : 'even';
  return html`<td class="number difference ${direction}">${signed(key, lead.value)}
    <small>${signed(key, lead.lower)} to ${signed(key, lead.upper)}</small><small>${significance(lead.pValue)}</small></td>`;
}

function seedsSection(result: BenchmarkResult): Html | undefined {
  const { primary, seeds, models } = result;
  const several = models.filter(({ figures }) => (figures[primary]?.seeds.length ?? 0) > 1);
  if (several.length === 0) return undefined;
  const caption = `${metricName(primary)} by the models’ seed; the split’s is ${result.splitSeed} throughout`;
  return html`<section id="seeds" aria-labelledby="seeds-title"><h2 id="seeds-title">Seeds</h2>
    <div class="scroll" role="region" tabindex="0" aria-label="${caption}"><table><caption>${caption}.</caption>
    <thead><tr><th scope="col">Model</th>${seeds.map((seed) => html`<th scope="col" class="number">${seed}</th>`)}</tr></thead>
    <tbody>${several.map(
      ({ name, figures }) => html`<tr><th scope="row">${name}</th>
      ${figures[primary]!.seeds.map((value) => html`<td class="number">${figure(primary, value)}</td>`)}</tr>`,
    )}</tbody></table></div></section>`;
}

function publishedSection({ published }: BenchmarkResult): Html | undefined {
  if (published.length === 0) return undefined;
  const caption = 'What others published under this protocol';
  return html`<section id="published" aria-labelledby="published-title"><h2 id="published-title">Published</h2>
    <div class="scroll" role="region" tabindex="0" aria-label="${caption}"><table>
    <caption>${caption}. The paper is the model’s; the figure may be of a later comparison.</caption>
    <thead><tr><th scope="col">Model</th><th scope="col">Measure</th><th scope="col" class="number">Figure</th>
      <th scope="col">Paper</th></tr></thead>
    <tbody>${published
      .toSorted((a, b) => a.metric.localeCompare(b.metric) || b.value - a.value)
      .map(
        ({
          model,
          metric,
          value,
          paper,
        }) => html`<tr><th scope="row">${model}</th><td>${metricName(metric)}</td>
      <td class="number">${figure(metric, value)}</td><td>${paper}</td></tr>`,
      )}</tbody></table></div></section>`;
}

const settingsSection = (result: BenchmarkResult): Html => html`
  <section id="settings" aria-labelledby="settings-title"><h2 id="settings-title">Settings</h2>
  <p class="lead">Options with what validation decided, for the first seed. Data <code>${result.fingerprint.slice(0, 16)}</code>.</p>
  <div class="scroll" role="region" tabindex="0" aria-label="Options of the models"><table>
  <caption class="visually-hidden">Options of the models</caption>
  <thead><tr><th scope="col">Model</th><th scope="col">Options</th></tr></thead>
  <tbody>${result.models.map(
    ({ name, options }) =>
      html`<tr><th scope="row">${name}</th><td><code>${JSON.stringify(options, undefined, 1).replace(/\s+/g, ' ')}</code></td></tr>`,
  )}</tbody></table></div></section>`;
