import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { type Html, html, printable, trusted } from './html.ts';

/** Width that a chart is drawn at: the room on a phone, and in a third of a desktop's page. */
const chartWidth = 330;
const wideWidth = 1_078;

/**
 * A static SVG. Colours are the page's custom properties, so that it follows light and dark; text takes the page's
 * font. `description` says in words what the chart shows: it is all that a screen reader gets.
 */
export function chart(description: string, options: Plot.PlotOptions): Html {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = Plot.plot({
    width: chartWidth,
    ...options,
    document: document as unknown as NonNullable<Plot.PlotOptions['document']>,
    className: 'plot',
    figure: false,
  }) as unknown as SvgElement;
  for (const style of svg.querySelectorAll('style')) style.remove();
  for (const part of svg.querySelectorAll('[aria-label]')) part.removeAttribute('aria-label');
  svg.setAttribute('font-size', '12');
  svg.removeAttribute('font-family');
  return html`<svg role="img" aria-label="${description}"${trusted(printable(svg.outerHTML.slice('<svg'.length)))}`;
}

/** A chart across the page, drawn once for a desktop's width and once for a phone's; the style sheet shows one. */
export const wideChart = (draw: (width: number) => Html): Html => html`
  <div class="wide">${draw(wideWidth)}</div><div class="narrow">${draw(chartWidth)}</div>`;

/** The little of the DOM that is needed here; batch code has no DOM types. */
interface SvgElement {
  readonly outerHTML: string;
  querySelectorAll(selector: string): Iterable<{ remove(): void; removeAttribute(name: string): void }>;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
}

/** A model's place in every chart: its name, colour and symbol. */
export interface Series {
  readonly name: string;
  readonly color: string;
  readonly symbol: Plot.SymbolType;
}

/** The model that is reported on stands out; the others are told apart by shape as well as by colour. */
export const seriesStyles: readonly Omit<Series, 'name'>[] = [
  { color: 'var(--series-1)', symbol: 'circle' },
  { color: 'var(--series-2)', symbol: 'diamond' },
  { color: 'var(--series-3)', symbol: 'square' },
];

const glyphs: Readonly<Record<string, string>> = { circle: '●', diamond: '◆', square: '■' };

export const legend = (series: readonly Series[]): Html => html`
  <ul class="legend">${series.map(
    ({ name, color, symbol }) =>
      html`<li><span aria-hidden="true" style="color:${color}">${glyphs[String(symbol)] ?? '●'}</span> ${name}</li>`,
  )}</ul>`;

export const figureOf = (title: string, body: Html, note?: Html | string): Html => html`
  <figure><figcaption><h3>${title}</h3>${note !== undefined && html`<p>${note}</p>`}</figcaption>${body}</figure>`;

/** Grid lines, thin and behind everything. */
export const gridX = (options: Plot.GridXOptions = {}) =>
  Plot.gridX({ stroke: 'var(--grid)', strokeOpacity: 1, ...options });
export const gridY = (options: Plot.GridYOptions = {}) =>
  Plot.gridY({ stroke: 'var(--grid)', strokeOpacity: 1, ...options });

/** A name under the x axis, below the ticks; needs {@link axisLabelRoom} as the bottom margin. */
export const axisLabel = (label: string) =>
  ({ label, labelAnchor: 'center', labelArrow: 'none', labelOffset: 40 }) as const;
export const axisLabelRoom = 46;
