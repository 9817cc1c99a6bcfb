/** @import { Answer } from './api.js' */
/** @import { Entry } from './history.js' */
/** @import { ItemActions } from './items.js' */
/** @import { RecommendationResponse, RecommendedItem } from '../../../shared/api.ts' */
import { byId, el, hiddenText } from './dom.js';
import { shares } from './format.js';
import { addButton, facts, scoreLine, shopLink, similarButton, tile } from './items.js';
import { restoreFocus, slide } from './motion.js';
import { reasonList } from './reasons.js';

/**
 * How an item's place changed since the answer before.
 * @param {number} rank 0-based
 * @param {number | undefined} before
 */
function movement(rank, before) {
  if (before === undefined) return el('span', { class: 'movement new' }, 'new');
  if (before === rank) return undefined;
  const [way, sign] = before > rank ? ['up', '▲'] : ['down', '▼'];
  const places = Math.abs(before - rank);
  return el(
    'span',
    { class: `movement ${way}` },
    el('span', { 'aria-hidden': true }, `${sign} ${places}`),
    hiddenText(`${way} ${places}`),
  );
}

/**
 * @param {RecommendedItem} item
 * @param {number} rank 0-based
 * @param {number} share
 * @param {ItemActions} actions
 * @param {HTMLElement | undefined} moved
 * @param {HTMLElement | undefined} reasons
 */
const card = (item, rank, share, actions, moved, reasons) =>
  el(
    'li',
    { class: 'card', 'data-item': item.itemId },
    el(
      'div',
      { class: 'cover-art' },
      tile(item),
      el('span', { class: 'rank', 'aria-hidden': true }, String(rank + 1)),
      moved,
    ),
    el('h3', {}, addButton(item, actions)),
    facts(item),
    reasons,
    scoreLine(item, share),
    el('p', { class: 'card-actions' }, similarButton(item, actions), shopLink(item)),
  );

/**
 * The cards, best first.
 * @param {ItemActions} actions
 * @returns {(answer: Answer<RecommendationResponse>, history: readonly Entry[]) => void}
 */
export function recommendationList(actions) {
  const list = byId('cards', HTMLOListElement);
  /** @type {Map<string, number> | undefined} */
  let ranks;
  return ({ data }, history) => {
    const lengths = shares(data.items.map((item) => item.score));
    const cards = data.items.map((item, rank) => {
      const moved = ranks && movement(rank, ranks.get(item.itemId));
      return card(item, rank, lengths[rank] ?? 0, actions, moved, reasonList(item, history));
    });
    ranks = new Map(data.items.map((item, rank) => [item.itemId, rank]));
    const refocus = restoreFocus(list);
    slide(list, cards);
    refocus();
    byId('nothing', HTMLElement).hidden = data.items.length > 0;
  };
}

/**
 * What did not run as planned, and ids that the release does not know.
 * @param {RecommendationResponse} answer
 */
export function showNotes({ degraded, unknownItemIds }) {
  const notes = degraded.map(({ stage, fallback, reason }) =>
    el(
      'p',
      { class: 'note' },
      el('strong', {}, `The ${stage} stage fell back to ${fallback}: `),
      el('span', { dir: 'auto' }, reason),
    ),
  );
  if (unknownItemIds.length > 0) {
    const ids = unknownItemIds.map((id) => el('code', { dir: 'auto' }, id));
    notes.push(el('p', { class: 'note' }, el('strong', {}, 'Not in this release: '), ...ids));
  }
  byId('notes', HTMLElement).replaceChildren(...notes);
}
