/** @import { Entry } from './history.js' */
/** @import { RecommendedItem } from '../../../shared/api.ts' */
import { byId, el, hiddenText } from './dom.js';
import { title } from './items.js';

/** Whether the visitor wants to know why. */
export const wantsReasons = () => byId('explain', HTMLInputElement).checked;

/** @param {string} itemId */
const showInHistory = (itemId) =>
  Array.from(byId('history-list', HTMLOListElement).querySelectorAll('li'))
    .find((row) => row.dataset['item'] === itemId)
    ?.querySelector('button')
    ?.focus();

/**
 * What of the history carried an item, each a button that leads there; a sentence where nothing of it did.
 * @param {RecommendedItem} item
 * @param {readonly Entry[]} entries the history
 */
export function reasonList({ reasons, sentence }, entries) {
  if (reasons === undefined) return undefined;
  const carriers = reasons.flatMap((reason) => (reason.kind === 'item' ? [reason] : []));
  if (carriers.length === 0) return el('p', { class: 'reasons quiet' }, sentence ?? '');
  const rows = carriers.map(({ itemId, share }) => {
    const item = entries.find((entry) => entry.item.itemId === itemId)?.item ?? { itemId };
    const button = el(
      'button',
      { class: 'reason above', type: 'button', title: title(item), onclick: () => showInHistory(itemId) },
      el('span', { class: 'number' }, `${Math.round(100 * share)} %`),
      ' ',
      el('span', { class: 'reason-title', dir: 'auto' }, title(item)),
      hiddenText(', show in the history'),
    );
    return el('li', {}, button);
  });
  return el('div', { class: 'reasons' }, el('p', { class: 'quiet' }, 'Because of'), el('ul', {}, ...rows));
}
