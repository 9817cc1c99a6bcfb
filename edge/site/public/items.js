/** @import { Item } from './api.js' */
/** @import { RecommendedItem } from '../../../shared/api.ts' */
import { el, hiddenText } from './dom.js';
import { drawn, monogram, price, readableTitle, score } from './format.js';

/** @param {Item} item */
export const title = ({ itemId, attributes }) =>
  attributes?.title === undefined ? itemId : readableTitle(attributes.title);

/** @param {string | undefined} address @returns {string | undefined} the address where a browser may follow it */
function webAddress(address) {
  if (address === undefined || !URL.canParse(address, location.href)) return undefined;
  const { protocol, href } = new URL(address, location.href);
  return /^https?:$/.test(protocol) ? href : undefined;
}

/**
 * The item's picture; where there is none, or it does not load, a small composition that its id draws: two colours, a
 * body on its orbit, and the title's initials.
 * @param {Item} item
 */
export function tile(item) {
  const element = el('div', { class: 'tile', 'aria-hidden': true }, monogram(title(item)));
  const hue = Math.round(drawn(item.itemId, 1) * 360);
  const values = {
    '--hue': hue,
    '--hue-2': hue + 30 + Math.round(drawn(item.itemId, 2) * 60),
    '--x': `${Math.round(15 + drawn(item.itemId, 3) * 70)}%`,
    '--y': `${Math.round(10 + drawn(item.itemId, 4) * 80)}%`,
    '--r': `${Math.round(18 + drawn(item.itemId, 5) * 20)}%`,
  };
  for (const [name, value] of Object.entries(values)) element.style.setProperty(name, String(value));
  const source = webAddress(item.attributes?.image);
  if (source !== undefined) {
    const remove = (/** @type {Event} */ event) => /** @type {HTMLElement} */ (event.target).remove();
    element.append(el('img', { alt: '', loading: 'lazy', decoding: 'async', onerror: remove, src: source }));
  }
  return element;
}

/**
 * Id, price, categories, availability: what there is.
 * @param {Item} item
 */
export function facts(item) {
  const { price: amount, categories = [], available } = item.attributes ?? {};
  return el(
    'p',
    { class: 'facts' },
    el('span', { class: 'mono', dir: 'auto' }, item.itemId),
    amount !== undefined && el('span', { class: 'price' }, price(amount)),
    categories.length > 0 &&
      el('span', { class: 'categories', dir: 'auto' }, categories.slice(0, 3).join(', ')),
    available === false && el('span', { class: 'tag' }, 'unavailable'),
  );
}

/**
 * The item's own page, where the catalogue has its address.
 * @param {Item} item
 */
export function shopLink(item) {
  const href = webAddress(item.attributes?.url);
  const label = hiddenText(`${title(item)} in the shop`);
  return (
    href !== undefined &&
    el('a', { class: 'quiet-button above', href, rel: 'noreferrer', target: '_blank' }, '↗', label)
  );
}

/**
 * The score as a length and a number, and what gave it.
 * @param {RecommendedItem} item
 * @param {number} share 0…1 of the bar, see {@link import('./format.js').shares}
 */
export function scoreLine(item, share) {
  const bar = el('span', { class: `bar ${item.source}`, 'aria-hidden': true });
  bar.style.setProperty('--share', share.toFixed(3));
  return el(
    'p',
    { class: 'score' },
    bar,
    el('span', { class: 'number', title: String(item.score) }, hiddenText('score '), score(item.score)),
    el('span', { class: `source ${item.source}` }, hiddenText('from '), item.source),
  );
}

/**
 * What a click on an item can do.
 * @typedef {object} ItemActions
 * @property {(item: Item) => void} add to the history
 * @property {(item: Item) => void} focus shows what is similar
 */

/**
 * @param {Item} item
 * @param {ItemActions} actions
 */
export const addButton = (item, actions) =>
  el(
    'button',
    { class: 'cover', type: 'button', dir: 'auto', title: title(item), onclick: () => actions.add(item) },
    hiddenText('Add '),
    title(item),
  );

/**
 * @param {Item} item
 * @param {ItemActions} actions
 */
export const similarButton = (item, actions) =>
  el(
    'button',
    { class: 'quiet-button above', type: 'button', onclick: () => actions.focus(item) },
    'Similar',
    hiddenText(` to ${title(item)}`),
  );
