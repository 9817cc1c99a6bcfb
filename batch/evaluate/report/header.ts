import { primaryOf } from '../evaluation.ts';
import { capitalised, count, counted, day, figure, metricName, percent, rounded, signed } from './format.ts';
import { type Html, html } from './html.ts';
import type { Findings } from './input.ts';

/** What happened, in the first screen: the verdict, the model, the few figures that matter. */
export function header(findings: Findings): Html {
  const { input, winner } = findings;
  return html`<header class="masthead">
    <p class="eyebrow">Perigee run report</p>
    <h1><bdi>${input.config.name}</bdi></h1>
    ${verdict(findings)}
    <dl class="facts">
      <div><dt>Model</dt><dd>${winner.name}</dd></div>
      <div><dt>Events</dt><dd>${span(findings)}</dd></div>
      <div><dt>Finished</dt><dd><time datetime="${input.finishedAt}">${day(Date.parse(input.finishedAt) / 1_000)}</time></dd></div>
      <div><dt>Protocol</dt><dd>${capitalised(winner.test.protocol)}</dd></div>
    </dl>
  </header>`;
}

function verdict({ input }: Findings): Html {
  const { release, verdict: gate } = input;
  if (!gate.passed) {
    return html`<div class="verdict refused"><p><strong>Not released.</strong> The gate refused this run:</p>
      <ul>${gate.reasons.map((reason) => html`<li>${reason}</li>`)}</ul></div>`;
  }
  if (release === undefined) {
    return html`<div class="verdict"><p><strong>Passed the gate.</strong> Nothing was published.</p></div>`;
  }
  return html`<div class="verdict passed"><p><strong>Released</strong> as <code>${release.releaseId}</code>
    to channel <code>${release.channel}</code>.</p></div>`;
}

function span({ input: { dataset } }: Findings): string {
  const known = dataset.times.filter((time) => time > 0);
  if (known.length === 0) return `${counted(dataset.items.length, 'event')}, without times`;
  const first = known.reduce((least, time) => Math.min(least, time));
  const last = known.reduce((most, time) => Math.max(most, time));
  return `${day(first)} to ${day(last)}`;
}

export function cards(findings: Findings): Html {
  const { input, primary, winner, leads } = findings;
  const { value, lower, upper } = winner.test.metrics[primary]!;
  const { dataset } = input;
  const size = `events of ${counted(dataset.userIds.length, 'user')} on ${counted(dataset.itemIds.length - 1, 'item')}`;
  return html`<section class="cards" aria-label="Summary">
    ${card(metricName(primary), figure(primary, value), `95 % interval ${figure(primary, lower)} to ${figure(primary, upper)}`)}
    ${againstPopularity(findings)}
    ${againstBest(findings, leads)}
    ${card('Training data', count(dataset.items.length), size)}
    ${card('Test queries', count(winner.test.queries), 'each ranks the whole catalogue')}
    ${
      input.quantisationRecall !== undefined &&
      card('Kept in int8', percent(input.quantisationRecall), 'of the float32 top 100')
    }
  </section>`;
}

const card = (title: string, value: string, note: string): Html =>
  html`<div class="card"><h2>${title}</h2><p class="value">${value}</p><p class="note">${note}</p></div>`;

function againstPopularity({ input, winner, primary }: Findings): Html | undefined {
  const popularity = input.models.find(({ name }) => name === 'popularity');
  if (popularity === undefined || popularity === winner || primaryOf(popularity.test) === 0) return undefined;
  const ratio = primaryOf(winner.test) / primaryOf(popularity.test);
  return card(
    'Against popularity',
    `${rounded(ratio)} ×`,
    `${figure(primary, primaryOf(popularity.test))} by popularity alone`,
  );
}

/** Against the best of the others: popularity has its own card. */
function againstBest({ ranked, winner, primary }: Findings, leads: Findings['leads']): Html | undefined {
  const best = ranked.find((model) => model !== winner && model.name !== 'popularity');
  const lead = best && leads.get(best.name)?.[primary];
  if (best === undefined || lead === undefined) return undefined;
  const interval = `${signed(primary, lead.lower)} to ${signed(primary, lead.upper)}, paired`;
  return card(`Against ${best.name}`, signed(primary, lead.value), interval);
}

export const footer = ({ input }: Findings): Html => html`<footer>
  <p>Perigee ${input.codeVersion}. Every ranking is of all ${count(input.dataset.itemIds.length - 1)} items, never of a
  sample. Intervals are 95 % bootstrap percentiles over queries; differences are paired.</p></footer>`;
