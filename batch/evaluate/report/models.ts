import * as Plot from '@observablehq/plot';
import { metricNames } from '../metrics.ts';
import { chart, gridX, wideChart } from './chart.ts';
import { figure, metricName, signed, significance } from './format.ts';
import { type Html, html } from './html.ts';
import type { Findings, ReportedModel } from './input.ts';

/** Every model with its intervals, the winner marked, and how sure its lead is. */
export function modelsSection(findings: Findings): Html {
  const { primary, winner } = findings;
  const cutOff = primary.split('@')[1]!;
  const cutOffs = [...new Set(Object.keys(winner.test.metrics).map((key) => key.split('@')[1]!))];
  return html`<section id="models" aria-labelledby="models-title">
    <h2 id="models-title">Models</h2>
    <p class="lead">${leadSentence(findings)}</p>
    <figure><figcaption><h3>${metricName(primary)} on the test split, with 95 % intervals</h3></figcaption>
      ${wideChart((width) => intervals(findings, width))}
    </figure>
    ${table(findings, cutOff)}
    ${cutOffs
      .filter((other) => other !== cutOff)
      .map(
        (other) => html`<details><summary>The same at ${other}</summary>${table(findings, other)}</details>`,
      )}
  </section>`;
}

/** Held against the model of which the winner's lead is least sure. */
function leadSentence({ winner, primary, leads, input }: Findings): Html {
  const chosen = html`<strong>${winner.name}</strong> was best on the validation split`;
  const [closest] = [...leads]
    .map(([name, differences]) => ({ name, lead: differences[primary]! }))
    .sort((a, b) => a.lead.lower - b.lead.lower);
  if (closest === undefined) return html`${chosen}.`;
  const { name: rival, lead } = closest;
  const name = metricName(primary);
  if (lead.lower > 0) {
    return html`${chosen}, and beats every other model on the test split: its ${name} is
      ${figure(primary, lead.value)} above that of ${rival}, the closest (${significance(lead.pValue)}).`;
  }
  if (lead.upper < 0) {
    return html`${chosen}, but on the test split ${rival} is better by
      ${figure(primary, -lead.value)} ${name} (${significance(lead.pValue)}).`;
  }
  return html`${chosen}. On the test split it and ${rival} cannot be told apart: their ${name} differs by
    ${signed(primary, lead.value)} (95 % interval ${signed(primary, lead.lower)} to ${signed(primary, lead.upper)},
    ${input.config.evaluation.bootstrapSamples} resamples).`;
}

function intervals({ ranked, winner, primary }: Findings, width: number): Html {
  const rows = ranked.map((model) => ({ name: model.name, ...model.test.metrics[primary]!, model }));
  const colour = ({ model }: { model: ReportedModel }) =>
    model === winner ? 'var(--series-1)' : 'var(--quiet)';
  const words = rows.map(
    ({ name, value, lower, upper }) =>
      `${name} ${figure(primary, value)} (${figure(primary, lower)} to ${figure(primary, upper)})`,
  );
  return chart(`${metricName(primary)} of each model with its 95 % interval: ${words.join('; ')}.`, {
    width,
    height: 44 + rows.length * 34,
    marginLeft: 16 + 7 * Math.max(...rows.map(({ name }) => name.length)),
    marginRight: 60,
    x: {
      label: null,
      domain: [0, Math.max(...rows.map(({ upper }) => upper))],
      ticks: width > 600 ? 8 : 4,
      tickSize: 0,
    },
    y: { label: null, domain: rows.map(({ name }) => name), tickSize: 0 },
    marks: [
      gridX({ ticks: width > 600 ? 8 : 4 }),
      Plot.barX(rows, {
        y: 'name',
        x: 'value',
        fill: colour,
        fillOpacity: 0.16,
        insetTop: 7,
        insetBottom: 7,
      }),
      Plot.ruleY(rows, {
        y: 'name',
        x1: 'lower',
        x2: 'upper',
        stroke: colour,
        strokeWidth: 5,
        strokeOpacity: 0.35,
        strokeLinecap: 'round',
      }),
      Plot.dot(rows, {
        y: 'name',
        x: 'value',
        fill: colour,
        r: 6,
        stroke: 'var(--surface)',
        strokeWidth: 1.5,
      }),
      ...[winner, undefined].map((bold) =>
        Plot.text(
          rows.filter(({ model }) => (model === winner) === (bold === winner)),
          {
            y: 'name',
            x: 'upper',
            text: ({ value }: { value: number }) => figure(primary, value),
            textAnchor: 'start',
            dx: 10,
            fill: 'currentColor',
            fontWeight: bold === winner ? 700 : 400,
          },
        ),
      ),
    ],
  });
}

function table(findings: Findings, cutOff: string): Html {
  const { ranked, winner, primary, input } = findings;
  const keys = [...new Set([primary.split('@')[0]!, 'ndcg', ...metricNames, 'coverage', 'novelty'])].map(
    (name) => `${name}@${cutOff}`,
  );
  const lead = `${primary.split('@')[0]}@${cutOff}`;
  const caption = `All models at ${cutOff}, on ${winner.test.queries.toLocaleString('en-GB')} test queries`;
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${caption}"><table>
    <caption>${caption}. ${recallNote(input.config.evaluation.recallDenominator)}</caption>
    <thead><tr><th scope="col">Model</th>
      ${keys.map((key) => html`<th scope="col" class="number">${metricName(key)}</th>`)}
      <th scope="col" class="number">Lead of ${winner.name}</th>
      <th scope="col" class="number">${metricName(primary)}, validation</th></tr></thead>
    <tbody>${ranked.map(
      (model) => html`<tr${model === winner && html` class="winner"`}>
      <th scope="row">${model.name}${tag(model, winner)}</th>
      ${keys.map((key) => cell(model, key, ranked))}
      ${leadCell(findings, model, lead)}
      <td class="number">${figure(primary, model.validation.metrics[primary]!.value)}</td></tr>`,
    )}</tbody></table></div>`;
}

const recallNote = (denominator: 'relevant' | 'truncated'): string =>
  denominator === 'relevant'
    ? 'Recall divides by the number of relevant items.'
    : 'Recall divides by min(k, relevant items).';

function tag(model: ReportedModel, winner: ReportedModel): Html | undefined {
  if (model === winner) return html` <span class="tag chosen">chosen</span>`;
  return model.baseline ? html` <span class="tag">baseline</span>` : undefined;
}

/** The value, its interval beneath; the best of a column in bold. Coverage has no interval. */
function cell(model: ReportedModel, key: string, models: readonly ReportedModel[]): Html {
  const found = model.test.metrics[key];
  if (found === undefined) return html`<td class="number">–</td>`;
  const best = models.every((other) => (other.test.metrics[key]?.value ?? 0) <= found.value);
  const value = figure(key, found.value);
  return html`<td class="number">${best ? html`<strong>${value}</strong>` : value}${
    found.lower < found.upper && html`<small>${figure(key, found.lower)}–${figure(key, found.upper)}</small>`
  }</td>`;
}

function leadCell({ leads, winner }: Findings, model: ReportedModel, key: string): Html {
  const lead = leads.get(model.name)?.[key];
  if (model === winner || lead === undefined) return html`<td class="number">–</td>`;
  const direction = lead.lower > 0 ? 'better' : lead.upper < 0 ? 'worse' : 'even';
  return html`<td class="number difference ${direction}">${signed(key, lead.value)}
    <small>${signed(key, lead.lower)} to ${signed(key, lead.upper)}</small><small>${significance(lead.pValue)}</small></td>`;
}
