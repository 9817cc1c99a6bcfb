import { configurationSection } from './report/configuration.ts';
import { dataSection } from './report/data.ts';
import { examplesSection } from './report/examples.ts';
import { cards, footer, header } from './report/header.ts';
import { type Html, html } from './report/html.ts';
import { findingsOf, type ReportInput } from './report/input.ts';
import { modelsSection } from './report/models.ts';
import { page } from './report/page.ts';
import { rankerSection } from './report/ranker.ts';
import { slicesSection } from './report/slices.ts';
import { trainingSection } from './report/training.ts';

export type { ReportedModel, ReportInput } from './report/input.ts';

/**
 * One run as one HTML page, complete in itself: no script, no request, light and dark, for screens of any width and
 * for paper. Titles, ids and messages are taken for hostile and escaped. The same input gives the same bytes.
 */
export function renderReport(input: ReportInput): string {
  const findings = findingsOf(input);
  const sections: readonly (readonly [id: string, title: string, section: Html | undefined])[] = [
    ['models', 'Models', modelsSection(findings)],
    ['ranker', 'Ranker', rankerSection(findings)],
    ['slices', 'Slices', slicesSection(findings)],
    ['examples', 'Examples', examplesSection(findings)],
    ['training', 'Training', trainingSection(findings)],
    ['data', 'Data', dataSection(findings)],
    ['configuration', 'Configuration', configurationSection(findings)],
  ];
  const shown = sections.filter(([, , section]) => section !== undefined);
  return page(
    `${input.config.name}: Perigee run report`,
    html`${header(findings)}
<nav class="contents" aria-label="Sections"><ul>${shown.map(
      ([id, title]) => html`<li><a href="#${id}">${title}</a></li>`,
    )}</ul></nav>
<main id="main">
${cards(findings)}
${shown.map(([, , section]) => section)}
</main>
${footer(findings)}`,
  );
}
