import * as Plot from '@observablehq/plot';
import { quantile } from '../bootstrap.ts';
import { byPopularity, usersPerItem } from '../exposure.ts';
import { axisLabel, axisLabelRoom, chart, figureOf, gridY, wideChart } from './chart.ts';
import { count, counted, day } from './format.ts';
import { type Html, html } from './html.ts';
import type { Findings } from './input.ts';
import { placesFigure } from './places.ts';
import { qualityTable } from './quality.ts';

/** The events behind the models: their quality, when, how many for each user and item, which items get the places. */
export function dataSection(findings: Findings): Html {
  const { dataset } = findings.input;
  const users = usersPerItem(dataset);
  return html`<section id="data" aria-labelledby="data-title">
    <h2 id="data-title">Data</h2>
    ${qualityTable(findings.input.quality)}
    <div class="charts">
      ${placesFigure(findings, users)}
      ${longTail(users)}
      ${historyLengths(dataset.offsets)}
    </div>
    ${eventsOverTime(dataset.times)}
  </section>`;
}

const timeBins = 48;

function eventsOverTime(times: Float64Array): Html | undefined {
  const known = times.filter((time) => time > 0);
  const first = known.reduce((least, time) => Math.min(least, time), Infinity);
  const last = known.reduce((most, time) => Math.max(most, time), 0);
  if (!(last > first)) return undefined;
  const width = (last - first) / timeBins;
  const bins = Array.from({ length: timeBins }, (_, at) => ({
    from: new Date((first + at * width) * 1_000),
    to: new Date((first + (at + 1) * width) * 1_000),
    events: 0,
  }));
  for (const time of known) bins[Math.min(timeBins - 1, Math.floor((time - first) / width))]!.events++;
  const busiest = bins.reduce((a, b) => (b.events > a.events ? b : a));
  const description =
    `${counted(known.length, 'event')} from ${day(first)} to ${day(last)}; the busiest of ${timeBins} equal periods ` +
    `begins on ${day(busiest.from.getTime() / 1_000)} with ${count(busiest.events)}.`;
  const draw = (width: number): Html =>
    chart(description, {
      width,
      height: 190,
      marginLeft: 44,
      x: { label: null, type: 'utc', ticks: width > 600 ? 12 : 4, tickSize: 0 },
      y: { label: null, ticks: 4, tickSize: 0, tickFormat: '~s' },
      marks: [
        gridY({ ticks: 4 }),
        Plot.rectY(bins, {
          x1: 'from',
          x2: 'to',
          y: 'events',
          fill: 'var(--series-1)',
          insetLeft: 0.5,
          insetRight: 0.5,
        }),
      ],
    });
  return figureOf('Events over time', wideChart(draw), `${day(first)} to ${day(last)}`);
}

/** 1, 10, 100, … up to `most`. */
const decades = (most: number): number[] =>
  Array.from({ length: Math.floor(Math.log10(Math.max(1, most))) + 1 }, (_, at) => 10 ** at);

const tailPoints = 160;

function longTail(users: Uint32Array): Html {
  const order = byPopularity(users);
  const ranks = [
    ...new Set(
      Array.from({ length: tailPoints }, (_, at) => Math.round(order.length ** (at / (tailPoints - 1)))),
    ),
  ];
  const points = ranks
    .map((rank) => ({ rank, users: users[order[rank - 1]!]! }))
    .filter((point) => point.users > 0);
  const top = users[order[0]!]!;
  const median = quantile(Uint32Array.from(users.subarray(1)).sort(), 0.5)!;
  const single = order.reduce((sum, item) => sum + (users[item] === 1 ? 1 : 0), 0);
  const note = `The most popular item has ${counted(top, 'user')}, the median item ${count(median)}; ${counted(single, 'item')} ${single === 1 ? 'has' : 'have'} one`;
  const body = chart(`${note}.`, {
    height: 230,
    marginLeft: 44,
    marginRight: 24,
    marginBottom: axisLabelRoom,
    x: {
      ...axisLabel('items, most popular first'),
      type: 'log',
      ticks: decades(order.length),
      tickFormat: '~s',
      tickSize: 0,
    },
    y: { label: null, type: 'log', ticks: decades(top), tickFormat: '~s', tickSize: 0 },
    marks: [
      gridY({ ticks: decades(top) }),
      Plot.lineY(points, { x: 'rank', y: 'users', stroke: 'var(--series-1)', strokeWidth: 2.5 }),
    ],
  });
  return figureOf('Users of each item', body, note);
}

function historyLengths(offsets: Uint32Array): Html {
  const lengths = Uint32Array.from(
    { length: offsets.length - 1 },
    (_, user) => offsets[user + 1]! - offsets[user]!,
  );
  const sorted = lengths.toSorted();
  const longest = sorted.at(-1) ?? 0;
  // Bins double: 1, 2–3, 4–7, …
  const bins = Array.from({ length: Math.floor(Math.log2(Math.max(1, longest))) + 1 }, (_, at) => ({
    label: at === 0 ? '1' : `${count(2 ** at)}–${count(2 ** (at + 1) - 1)}`,
    users: 0,
  }));
  for (const length of lengths) if (length > 0) bins[Math.floor(Math.log2(length))]!.users++;
  const note = `Half of the users have ${count(Math.round(quantile(sorted, 0.5) ?? 0))} or fewer; the longest history has ${count(longest)}`;
  const body = chart(
    `Users by number of events. ${bins.map(({ label, users }) => `${label}: ${count(users)}`).join('; ')}.`,
    {
      height: Math.max(220, 30 + bins.length * 18),
      marginLeft: 20 + 6.6 * Math.max(...bins.map(({ label }) => label.length)),
      marginRight: 48,
      marginTop: 4,
      marginBottom: 8,
      x: { axis: null },
      y: { label: null, domain: bins.map(({ label }) => label), tickSize: 0 },
      marks: [
        Plot.barX(bins, { x: 'users', y: 'label', fill: 'var(--series-1)', insetTop: 1, insetBottom: 1 }),
        Plot.text(bins, {
          x: 'users',
          y: 'label',
          text: ({ users }: { users: number }) => count(users),
          textAnchor: 'start',
          dx: 5,
        }),
      ],
    },
  );
  return figureOf('Events of each user', body, note);
}
