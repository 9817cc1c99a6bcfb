import * as Plot from '@observablehq/plot';
import { byPopularity, concentration, exposureBins } from '../exposure.ts';
import { axisLabel, axisLabelRoom, chart, figureOf, gridY, legend } from './chart.ts';
import { percent } from './format.ts';
import { type Html, html } from './html.ts';
import type { Findings } from './input.ts';

/** How much of what is recommended are the items that everybody has anyway: one curve a model, and the users' own. */
export function placesFigure({ charted, primary, winner }: Findings, users: Uint32Array): Html {
  const k = primary.split('@')[1]!;
  const choices = { color: 'var(--quiet)', symbol: 'square' as const, name: 'what users chose (dotted)' };
  const curves = [
    ...charted.map(({ model, series }) => ({ series, shares: model.test.exposure })),
    { series: choices, shares: concentration(users, byPopularity(users)) },
  ];
  const head = exposureBins / 10 - 1;
  const words = curves.map(({ series, shares }) => `${series.name} ${percent(shares[head] ?? 0, 0)}`);
  const body = chart(
    `Share of the first ${k} places held by the most popular tenth of the items: ${words.join(', ')}.`,
    {
      height: 230,
      marginLeft: 44,
      marginRight: 24,
      marginBottom: axisLabelRoom,
      x: {
        ...axisLabel('share of the items, most popular first'),
        percent: true,
        ticks: 5,
        tickSize: 0,
        tickFormat: (share: number) => `${share} %`,
      },
      y: {
        label: null,
        percent: true,
        domain: [0, 100],
        ticks: 5,
        tickSize: 0,
        tickFormat: (share: number) => `${share} %`,
      },
      marks: [
        gridY({ ticks: 5 }),
        ...curves.map(({ series, shares }) =>
          Plot.lineY([0, ...shares], {
            x: (_: number, at: number) => at / exposureBins,
            y: (share: number) => share,
            stroke: series.color,
            strokeWidth: 2.5,
            strokeDasharray: series === choices ? '2 4' : undefined,
          } as Plot.LineYOptions),
        ),
      ],
    },
  );
  const most = percent(winner.test.exposure[head] ?? 0, 0);
  const note = `The most popular tenth of the items gets ${most} of the first ${k} places from ${winner.name}`;
  return figureOf(
    'Which items get the places',
    html`${body}${legend(curves.map(({ series }) => series))}`,
    note,
  );
}
