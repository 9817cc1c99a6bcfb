import * as Plot from '@observablehq/plot';
import type { SliceGroup } from '../evaluation.ts';
import { chart, figureOf, gridX, legend, type Series } from './chart.ts';
import { count, counted, figure, metricName, shortened } from './format.ts';
import { type Html, html } from './html.ts';
import type { Findings } from './input.ts';

/** Where the model is good and where it is not: one small chart for each way of parting the queries. */
export function slicesSection({ charted, primary, winner }: Findings): Html {
  const groups = winner.test.slices.filter(({ slices }) => slices.length > 0);
  return html`<section id="slices" aria-labelledby="slices-title">
    <h2 id="slices-title">Slices</h2>
    <p class="lead">${metricName(primary)} in parts of the test split. Where a slice is of items, only the targets in it
      count as relevant. All charts share one scale; lines are 95 % intervals.</p>
    ${legend(charted.map(({ series }) => series))}
    <div class="charts">${groups.map((group, at) => sliceFigure(group, at, { charted, primary, winner }))}</div>
  </section>`;
}

/** Pixels between ticks: room for `0.05`. */
const tickSpacing = 64;

type Shown = Pick<Findings, 'charted' | 'primary' | 'winner'>;

interface Point {
  readonly label: string;
  readonly queries: number;
  readonly value: number;
  readonly lower: number;
  readonly upper: number;
}

function pointsOf(group: SliceGroup | undefined): Point[] {
  return (group?.slices ?? []).map(({ label, queries, estimate }) => ({ label, queries, ...estimate }));
}

function sliceFigure(group: SliceGroup, at: number, shown: Shown): Html {
  const columns = shown.charted.map(({ model, series }) => ({
    series,
    points: pointsOf(model.test.slices[at]),
  }));
  return figureOf(group.by, html`${sliceChart(group, columns, shown)}${sliceTable(group, columns, shown)}`);
}

interface Column {
  readonly series: Series;
  readonly points: readonly Point[];
}

function sliceChart(group: SliceGroup, columns: readonly Column[], { charted, primary }: Shown): Html {
  const labels = group.slices.map(({ label }) => label);
  const name = (label: string): string => shortened(label, 22);
  const all = charted.flatMap(({ model }) => model.test.slices.flatMap((other) => pointsOf(other)));
  const offset = (at: number): number => (at - (columns.length - 1) / 2) * 11;
  return chart(describe(group, columns, primary), {
    height: 40 + labels.length * (14 + columns.length * 11),
    marginLeft: 20 + 6.4 * Math.max(...labels.map((label) => name(label).length)),
    marginRight: 16,
    marginTop: 6,
    x: { label: null, domain: [0, Math.max(...all.map(({ upper }) => upper))], tickSpacing, tickSize: 0 },
    y: { label: null, domain: labels, tickFormat: name, tickSize: 0 },
    marks: [
      gridX({ tickSpacing }),
      ...columns.flatMap(({ series, points }, at) => [
        Plot.link(points, {
          x1: 'lower',
          x2: 'upper',
          y1: 'label',
          y2: 'label',
          stroke: series.color,
          strokeWidth: 2,
          strokeOpacity: 0.55,
          dy: offset(at),
        }),
        Plot.dot(points, {
          x: 'value',
          y: 'label',
          fill: series.color,
          stroke: series.color,
          symbol: series.symbol,
          r: 3.5,
          dy: offset(at),
        }),
      ]),
    ],
  });
}

function describe(group: SliceGroup, columns: readonly Column[], primary: string): string {
  const parts = group.slices.map(({ label }, at) => {
    const values = columns.map(
      ({ series, points }) => `${series.name} ${figure(primary, points[at]?.value ?? 0)}`,
    );
    return `${label}: ${values.join(', ')}`;
  });
  return `${metricName(primary)} by ${group.by.toLowerCase()}. ${parts.join('; ')}.`;
}

function sliceTable(group: SliceGroup, columns: readonly Column[], { primary }: Shown): Html {
  return html`<details><summary>Figures</summary><div class="scroll" role="region" tabindex="0" aria-label="Figures by ${group.by.toLowerCase()}">
    <table><caption>${metricName(primary)} by ${group.by.toLowerCase()}</caption>
    <thead><tr><th scope="col">Slice</th><th scope="col" class="number">Queries</th>
      ${columns.map(({ series }) => html`<th scope="col" class="number">${series.name}</th>`)}</tr></thead>
    <tbody>${group.slices.map(
      ({ label, queries }, at) => html`<tr><th scope="row"><bdi>${label}</bdi></th>
      <td class="number"><span title="${counted(queries, 'query', 'queries')}">${count(queries)}</span></td>
      ${columns.map(({ points }) => {
        const point = points[at];
        return point === undefined
          ? html`<td class="number">–</td>`
          : html`<td class="number">${figure(primary, point.value)}<small>${figure(primary, point.lower)}–${figure(primary, point.upper)}</small></td>`;
      })}</tr>`,
    )}</tbody></table></div></details>`;
}
