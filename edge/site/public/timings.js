/** @import { Answer } from './api.js' */
/** @import { RecommendationResponse } from '../../../shared/api.ts' */
import { byId, el } from './dom.js';
import { milliseconds } from './format.js';

const kept = 50;

/** @param {readonly number[]} values */
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/**
 * How long the newest answer took: the whole round trip as the browser saw it, and the worker's own stages.
 * @returns {(answer: Answer<RecommendationResponse>) => void}
 */
export function timings() {
  /** @type {number[]} */
  let past = [];
  return ({ roundTripMs, stages }) => {
    past = [...past, roundTripMs].slice(-kept);
    byId('round-trip', HTMLElement).textContent = milliseconds(roundTripMs);
    byId('round-trip-median', HTMLElement).textContent =
      past.length > 1 ? `median of the last ${past.length}: ${milliseconds(median(past))} ms` : '';
    const total = stages.reduce((sum, { ms }) => sum + ms, 0);
    const bar = stages.map(({ ms }, index) => {
      const part = el('span', { class: `stage stage-${index % 6}` });
      part.style.setProperty('--share', String(total === 0 ? 0 : ms / total));
      return part;
    });
    const legend = stages.map(({ name, ms }, index) =>
      el(
        'li',
        {},
        el('span', { class: `dot stage-${index % 6}`, 'aria-hidden': true }),
        `${name} `,
        el('span', { class: 'number' }, `${milliseconds(ms)} ms`),
      ),
    );
    byId('stage-bar', HTMLElement).replaceChildren(...bar);
    byId('stage-list', HTMLElement).replaceChildren(...legend);
    byId('stages', HTMLElement).hidden = stages.length === 0;
  };
}
