/** @import { ItemActions } from './items.js' */
/** @import { RecommendationResponse } from '../../../shared/api.ts' */
import { el } from './dom.js';
import { shares } from './format.js';
import { addButton, facts, scoreLine, similarButton, tile } from './items.js';
import { restoreFocus } from './motion.js';

/**
 * A compact ranking: popular items, similar items.
 * @param {HTMLElement} list
 * @param {RecommendationResponse} answer
 * @param {ItemActions} actions
 */
export function showRows(list, answer, actions) {
  const lengths = shares(answer.items.map((item) => item.score));
  const refocus = restoreFocus(list);
  list.replaceChildren(
    ...answer.items.map((item, rank) =>
      el(
        'li',
        { class: 'row', 'data-item': item.itemId },
        tile(item),
        el('h3', {}, addButton(item, actions)),
        el(
          'div',
          { class: 'row-side' },
          facts(item),
          el('span', { class: 'tag place' }),
          similarButton(item, actions),
        ),
        scoreLine(item, lengths[rank] ?? 0),
      ),
    ),
  );
  refocus();
}

/**
 * Marks in a list of rows which items the visitor has, and which ones are also recommended, at which place.
 * @param {HTMLElement} list
 * @param {ReadonlySet<string>} history
 * @param {readonly string[]} recommended item ids, best first
 * @returns {number} how many are recommended too
 */
export function markShared(list, history, recommended) {
  let shared = 0;
  for (const row of list.querySelectorAll('li')) {
    const itemId = row.dataset['item'] ?? '';
    const place = recommended.indexOf(itemId) + 1;
    if (place > 0) shared++;
    const tag = row.querySelector('.place');
    if (tag) tag.textContent = history.has(itemId) ? 'in history' : place > 0 ? `also #${place}` : '';
  }
  return shared;
}
