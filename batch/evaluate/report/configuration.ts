import { canonicalJson } from '../../../shared/canonical-json.ts';
import { type Html, html } from './html.ts';
import type { Findings } from './input.ts';

/** What it takes to repeat the run. */
export function configurationSection({ input }: Findings): Html {
  return html`<section id="configuration" aria-labelledby="configuration-title">
    <h2 id="configuration-title">Configuration</h2>
    <dl class="facts">
      <div><dt>Data fingerprint</dt><dd><code>${input.fingerprint}</code></dd></div>
      <div><dt>Seed</dt><dd>${input.config.seed}</dd></div>
      <div><dt>Code</dt><dd>${input.codeVersion}</dd></div>
    </dl>
    <details><summary>Options of every model</summary>
      <dl class="facts">${input.models.map(
        ({ name, options }) =>
          html`<div><dt>${name}</dt><dd><code>${canonicalJson(options)}</code></dd></div>`,
      )}</dl></details>
    <details><summary>The whole config</summary>
      <pre tabindex="0" aria-label="Config as JSON"><code>${JSON.stringify(input.config, undefined, 2)}</code></pre></details>
  </section>`;
}
