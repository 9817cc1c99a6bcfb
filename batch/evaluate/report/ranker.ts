import { count } from './format.ts';
import { type Html, html } from './html.ts';
import type { Findings } from './input.ts';

const columns = [
  ['auc', 'AUC'],
  ['logLoss', 'Log-loss'],
  ['ece', 'Calibration error'],
] as const;

/** The ranker beside the simple ways to a probability; undefined where a run has none. */
export function rankerSection({ input: { ranker } }: Findings): Html | undefined {
  if (ranker === undefined) return undefined;
  const { protocol, examples, models } = ranker.evaluation;
  const [own] = models;
  return html`<section id="ranker" aria-labelledby="ranker-title">
    <h2 id="ranker-title">Ranker</h2>
    <p class="lead"><strong>${own!.name}</strong> orders the items that the model retrieves by the probability that they are wanted.
      ${count(examples)} test rows (${protocol}); 95 % intervals over users.</p>
    ${ranker.faults.length > 0 && html`<p>It is not released:</p><ul>${ranker.faults.map((fault) => html`<li>${fault}</li>`)}</ul>`}
    <div class="scroll" role="region" tabindex="0" aria-label="The ranker and its baselines">
    <table><caption>The ranker and its baselines on the test rows</caption>
    <thead><tr><th scope="col">Model</th>${columns.map(([, title]) => html`<th scope="col" class="number">${title}</th>`)}</tr></thead>
    <tbody>${models.map(
      ({
        name,
        metrics,
      }) => html`<tr${name === own!.name && html` class="winner"`}><th scope="row">${name}</th>
      ${columns.map(([key]) => {
        const { value, lower, upper } = metrics[key];
        return html`<td class="number">${value.toFixed(4)}<small>${lower.toFixed(4)}–${upper.toFixed(4)}</small></td>`;
      })}</tr>`,
    )}</tbody></table></div>
  </section>`;
}
