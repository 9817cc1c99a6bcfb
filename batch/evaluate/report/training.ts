import * as Plot from '@observablehq/plot';
import { axisLabel, axisLabelRoom, chart, figureOf, gridY } from './chart.ts';
import { metricName, rounded } from './format.ts';
import { type Html, html } from './html.ts';
import type { Findings, ReportedModel } from './input.ts';

type Point = ReportedModel['curves'][number];

/** One chart a curve; models that are not trained by steps have none. */
export function trainingSection({ input, primary }: Findings): Html | undefined {
  const trained = input.models.filter(({ curves }) => curves.length > 0);
  if (trained.length === 0) return undefined;
  return html`<section id="training" aria-labelledby="training-title">
    <h2 id="training-title">Training</h2>
    <p class="lead">Curves of the fit on the training split; validation is measured as ${metricName(primary)}. The
      marked point is the best.</p>
    <div class="charts">${trained.flatMap((model) =>
      [...Map.groupBy(model.curves, ({ series }) => series)].map(([series, points]) =>
        figureOf(`${model.name}: ${series}`, curve(model.name, series, points)),
      ),
    )}</div></section>`;
}

function curve(model: string, series: string, points: readonly Point[]): Html {
  const lowerIsBetter = /loss|error|perplexity/i.test(series);
  const best = points.reduce((a, b) => ((lowerIsBetter ? b.value < a.value : b.value > a.value) ? b : a));
  const first = points[0]!;
  const last = points.at(-1)!;
  const description =
    `${series} of ${model} over ${points.length} points, from ${rounded(first.value)} at step ${first.step} ` +
    `to ${rounded(last.value)} at step ${last.step}; best ${rounded(best.value)} at step ${best.step}.`;
  return chart(description, {
    height: 210,
    marginLeft: 48,
    marginRight: 24,
    marginTop: 22,
    insetBottom: lowerIsBetter ? 22 : 0,
    marginBottom: axisLabelRoom,
    x: { ...axisLabel('step'), ticks: 5, tickSize: 0, tickFormat: '~s' },
    y: { label: null, ticks: 5, tickSize: 0, nice: true, zero: false },
    marks: [
      gridY({ ticks: 5 }),
      Plot.lineY(points, { x: 'step', y: 'value', stroke: 'var(--series-1)', strokeWidth: 2 }),
      Plot.dot([best], {
        x: 'step',
        y: 'value',
        r: 5,
        fill: 'var(--series-1)',
        stroke: 'var(--surface)',
        strokeWidth: 1.5,
      }),
      Plot.text([best], {
        x: 'step',
        y: 'value',
        text: ({ value }: Point) => rounded(value),
        dy: lowerIsBetter ? 15 : -12,
        textAnchor: best === last ? 'end' : 'middle',
        fill: 'currentColor',
        fontWeight: 600,
        stroke: 'var(--surface)',
        strokeWidth: 4,
      }),
    ],
  });
}
