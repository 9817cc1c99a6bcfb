/** @import { Answer, Stage } from './api.js' */
/** @import { RecommendationResponse } from '../../../shared/api.ts' */
import { byId, el } from './dom.js';
import { milliseconds } from './format.js';

const kept = 50;

/** @param {readonly number[]} values */
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/**
 * Mean time of each stage. The worker's clock ticks in whole milliseconds, or stands still (Cloudflare, against timing
 * attacks): one answer says little, the mean of many is right.
 * @param {readonly (readonly Stage[])[]} answers the newest last; its stages are shown
 * @returns {Stage[]}
 */
function meanStages(answers) {
  return (answers.at(-1) ?? []).map(({ name }) => {
    const times = answers.flatMap((stages) => stages.find((stage) => stage.name === name)?.ms ?? []);
    return { name, ms: times.reduce((sum, ms) => sum + ms, 0) / times.length };
  });
}

/** @param {readonly Stage[]} stages */
function showStages(stages) {
  const total = stages.reduce((sum, { ms }) => sum + ms, 0);
  const bar = stages.map(({ ms }, index) => {
    const part = el('span', { class: `stage stage-${index % 6}` });
    part.style.setProperty('--share', String(ms / total));
    return part;
  });
  const legend = stages.map(({ name, ms }, index) =>
    el(
      'li',
      {},
      el('span', { class: `dot stage-${index % 6}`, 'aria-hidden': true }),
      `${name} `,
      el('span', { class: 'number' }, ms === 0 ? '< 1 ms' : `${milliseconds(ms)} ms`),
    ),
  );
  byId('stage-bar', HTMLElement).replaceChildren(...(total > 0 ? bar : []));
  byId('stage-list', HTMLElement).replaceChildren(...legend);
  byId('stages', HTMLElement).hidden = stages.length === 0;
}

/**
 * How long answers took: the whole round trip as the browser saw it, and the worker's own stages.
 * @returns {(answer: Answer<RecommendationResponse>) => void}
 */
export function timings() {
  /** @type {Answer<RecommendationResponse>[]} */
  let past = [];
  return (answer) => {
    past = [...past, answer].slice(-kept);
    const roundTrips = past.map(({ roundTripMs }) => roundTripMs);
    byId('round-trip', HTMLElement).textContent = milliseconds(answer.roundTripMs);
    byId('round-trip-median', HTMLElement).textContent =
      past.length > 1 ? `median of the last ${past.length}: ${milliseconds(median(roundTrips))} ms` : '';
    showStages(meanStages(past.map(({ stages }) => stages)));
  };
}
