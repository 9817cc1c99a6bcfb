/** @import { ReleaseResponse } from '../../../shared/api.ts' */
import { byId, el, hiddenText } from './dom.js';
import { count } from './format.js';

/**
 * @typedef {ReleaseResponse['evaluation']['models'][number]} ModelRow
 * @typedef {ModelRow['metrics'][string]} Estimate
 */

/** @param {number} value */
const metric = (value) => (value >= 1 ? value.toFixed(2) : value.toFixed(4).replace(/^0/, ''));

/** @param {number} ratio */
const times = (ratio) => `${ratio.toFixed(ratio < 10 ? 2 : 1)} ×`;

/**
 * The released model against each other one, by the primary metric, in words.
 * @param {ReleaseResponse} release
 */
function comparison({ model, evaluation: { primary, models } }) {
  const own = models.find(({ name }) => name === model)?.metrics[primary]?.value;
  if (own === undefined) return '';
  const ratios = models.flatMap(({ name, metrics }) => {
    const value = metrics[primary]?.value ?? 0;
    return name !== model && value > 0 ? [`${times(own / value)} ${name}`] : [];
  });
  return `${primary} ${metric(own)}${ratios.length > 0 ? `: ${ratios.join(', ')}` : ''}`;
}

/**
 * A value, its bar, and the 95 % interval as a whisker on the same scale.
 * @param {Estimate | undefined} estimate
 * @param {number} scale the column's largest upper end
 */
function cell(estimate, scale) {
  if (estimate === undefined) return el('td', {}, '–');
  const plot = el('span', { class: 'interval', 'aria-hidden': true });
  for (const [name, value] of Object.entries(estimate))
    plot.style.setProperty(`--${name}`, String(scale > 0 ? value / scale : 0));
  return el(
    'td',
    {},
    el('span', { class: 'number' }, metric(estimate.value)),
    plot,
    estimate.lower < estimate.upper &&
      el(
        'span',
        { class: 'interval-text' },
        hiddenText('95 % interval '),
        `${metric(estimate.lower)} – ${metric(estimate.upper)}`,
      ),
  );
}

/**
 * The primary metric, then the others at its cut-off; the API has those at other cut-offs too.
 * @param {string} primary
 * @param {ReadonlySet<string>} metrics
 */
function shownMetrics(primary, metrics) {
  const cutOff = primary.slice(primary.indexOf('@'));
  const names = ['recall', 'ndcg', 'hit', 'coverage', 'novelty'].map((name) => name + cutOff);
  return [primary, ...names.filter((name) => name !== primary && metrics.has(name))];
}

/** @param {ReleaseResponse} release */
function metricsTable({ model, evaluation: { primary, models } }) {
  const columns = shownMetrics(primary, new Set(models.flatMap(({ metrics }) => Object.keys(metrics))));
  const value = (/** @type {ModelRow} */ row) => row.metrics[primary]?.value ?? 0;
  const scale = (/** @type {string} */ column) =>
    Math.max(...models.map(({ metrics }) => metrics[column]?.upper ?? 0));
  const head = columns.map((column) =>
    el('th', { scope: 'col' }, column, column === primary && el('span', { class: 'tag' }, 'decides')),
  );
  const rows = models
    .toSorted((a, b) => value(b) - value(a))
    .map(({ name, metrics }) =>
      el(
        'tr',
        { class: name === model ? 'serving' : '' },
        el('th', { scope: 'row' }, name, name === model && el('span', { class: 'tag' }, 'serving')),
        ...columns.map((column) => cell(metrics[column], scale(column))),
      ),
    );
  return el(
    'table',
    {},
    el(
      'caption',
      { class: 'visually-hidden' },
      'Metrics of the released model and of the baselines, with 95 % bootstrap intervals',
    ),
    el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Model'), ...head)),
    el('tbody', {}, ...rows),
  );
}

/** @param {string} iso */
const moment = (iso) =>
  el(
    'time',
    { datetime: iso },
    new Date(iso).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' }),
  );

/**
 * @param {NonNullable<ReleaseResponse['ranker']>} ranker
 * @returns {[string, string]}
 */
function rankerFact({ model, candidates, evaluation }) {
  const auc = evaluation.models.find(({ name }) => name === model)?.metrics.auc.value;
  const quality = auc === undefined ? '' : `, AUC ${metric(auc)}`;
  return ['Ranker', `${model}, of ${count(candidates)} candidates${quality}: scores are probabilities`];
}

/** @param {ReleaseResponse} release */
function releaseFacts(release) {
  const kinds = Object.entries(release.eventKinds).map(([kind, weight]) => `${kind} ${weight}`);
  const { ranker } = release;
  /** @type {[string, Node | string][]} */
  const pairs = [
    ['Release', el('code', {}, release.releaseId)],
    ['Model', release.model],
    ['Artifact', release.artifact],
    ...(ranker === undefined ? [] : [rankerFact(ranker)]),
    ['Items', count(release.items)],
    ['Event weights', kinds.join(', ')],
    ['Active since', moment(release.activatedAt)],
    ['Evaluated by', release.evaluation.protocol],
  ];
  return pairs.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)));
}

/**
 * Name, id, model, metrics with baselines and intervals, and the last release that was refused.
 * @param {ReleaseResponse} release
 */
export function showRelease(release) {
  document.title = `${release.name} · Perigee`;
  byId('name', HTMLElement).textContent = release.name;
  byId('summary', HTMLElement).replaceChildren(
    `${release.model} ranks ${count(release.items)} items anew with every click. Release `,
    el('code', {}, release.releaseId),
  );
  byId('release-facts', HTMLElement).replaceChildren(...releaseFacts(release));
  byId('comparison', HTMLElement).textContent = comparison(release);
  byId('metrics', HTMLElement).replaceChildren(metricsTable(release));
  const failure = release.lastFailure;
  byId('last-failure', HTMLElement).replaceChildren(
    ...(failure === undefined
      ? []
      : [
          el('strong', {}, `Release ${failure.releaseId ?? ''} was not activated, this one kept serving: `),
          failure.reason,
          ' (',
          moment(failure.at),
          ')',
        ]),
  );
}
