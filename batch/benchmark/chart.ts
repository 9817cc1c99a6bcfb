import * as Plot from '@observablehq/plot';
import { chart, figureOf, gridX, legend, type Series, wideChart } from '../evaluate/report/chart.ts';
import { figure, metricName, shortened } from '../evaluate/report/format.ts';
import { type Html, html } from '../evaluate/report/html.ts';
import type { MeasuredModel } from './measure.ts';
import type { BenchmarkResult } from './result.ts';

interface Row {
  readonly name: string;
  readonly value: number;
  readonly lower: number;
  readonly upper: number;
  readonly series: Series;
}

const measured: Series = {
  name: 'measured here; the line is the interval over users',
  color: 'var(--series-1)',
  symbol: 'circle',
};
const elsewhere: Series = { name: 'published by others', color: 'var(--series-3)', symbol: 'square' };
const goal: Series = { name: 'goal (dashed)', color: 'var(--series-2)', symbol: 'diamond' };

/** Every measured and published figure of the primary metric on one axis, and where the goals lie. */
export function figuresChart(result: BenchmarkResult, models: readonly MeasuredModel[]): Html {
  const { primary, published } = result;
  const goals = result.goals.filter(({ metric }) => metric === primary);
  const rows: Row[] = [
    ...models.flatMap(({ name, figures }) => {
      const found = figures[primary];
      return found ? [{ ...found.overQueries, value: found.overSeeds.value, name, series: measured }] : [];
    }),
    ...published
      .filter(({ metric }) => metric === primary)
      .map(({ model, value }) => ({ name: model, value, lower: value, upper: value, series: elsewhere })),
  ].sort((a, b) => b.value - a.value);
  const used = [measured, elsewhere, goal].filter((series) =>
    series === goal ? goals.length > 0 : rows.some((row) => row.series === series),
  );
  return figureOf(
    `${metricName(primary)} on the test split`,
    html`${wideChart((width) =>
      draw(
        rows,
        goals.flatMap(({ wanted }) => wanted ?? []),
        { primary, width },
      ),
    )}${legend(used)}`,
  );
}

function draw(
  rows: readonly Row[],
  goals: readonly number[],
  { primary, width }: { readonly primary: string; readonly width: number },
): Html {
  const name = (text: string): string => shortened(text, width > 600 ? 40 : 20);
  const words = rows.map((row) => `${row.name} ${figure(primary, row.value)}`);
  const wanted = goals.map((value) => `; goal ${figure(primary, value)}`).join('');
  const ticks = width > 600 ? 8 : 4;
  return chart(`${metricName(primary)}: ${words.join('; ')}${wanted}.`, {
    width,
    height: 40 + rows.length * 28,
    marginLeft: 20 + 6.6 * Math.max(...rows.map((row) => name(row.name).length)),
    marginRight: 60,
    x: {
      label: null,
      domain: [0, Math.max(...goals, ...rows.map(({ upper }) => upper))],
      ticks,
      tickSize: 0,
    },
    y: { label: null, domain: rows.map((row) => row.name), tickFormat: name, tickSize: 0 },
    marks: [
      gridX({ ticks }),
      Plot.ruleX(goals, { stroke: goal.color, strokeWidth: 2, strokeDasharray: '5 4' }),
      Plot.ruleY(rows, {
        ...{
          y: 'name',
          x1: 'lower',
          x2: 'upper',
          strokeWidth: 5,
          strokeOpacity: 0.3,
          strokeLinecap: 'round',
        },
        stroke: ({ series }: Row) => series.color,
      }),
      ...[measured, elsewhere].map((series) =>
        Plot.dot(
          rows.filter((row) => row.series === series),
          {
            ...{ y: 'name', x: 'value', r: 5, strokeWidth: 1.5 },
            symbol: series.symbol,
            fill: series.color,
            stroke: 'var(--surface)',
          },
        ),
      ),
      Plot.text(rows, {
        ...{
          y: 'name',
          x: 'upper',
          textAnchor: 'start',
          dx: 10,
          fill: 'currentColor',
          stroke: 'var(--surface)',
          strokeWidth: 4,
        },
        text: ({ value }: Row) => figure(primary, value),
        fontWeight: 600,
      }),
    ],
  });
}
