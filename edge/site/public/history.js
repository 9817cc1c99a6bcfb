/** @import { Item } from './api.js' */
/** @import { HistoryEvent } from '../../../shared/api.ts' */
import { byId, el, hiddenText } from './dom.js';
import { facts, tile, title } from './items.js';
import { restoreFocus, slide } from './motion.js';

/**
 * @typedef {{ item: Item, kind: string | undefined, known: boolean }} Entry an event of the visitor
 */

/**
 * What the visitor did, oldest first; an item occurs once, at its newest event. `changed` is called after each change.
 * @param {(message: string) => void} changed
 */
export function visitorHistory(changed) {
  /** @type {readonly Entry[]} */
  let entries = [];
  const indexOf = (/** @type {string} */ itemId) =>
    entries.findIndex((entry) => entry.item.itemId === itemId);
  const without = (/** @type {string} */ itemId) => entries.filter((entry) => entry.item.itemId !== itemId);
  const set = (/** @type {readonly Entry[]} */ next, /** @type {string} */ message) => {
    entries = next;
    changed(message);
  };
  return {
    get entries() {
      return entries;
    },
    /** @returns {HistoryEvent[]} */
    get events() {
      return entries.map(({ item: { itemId }, kind }) => ({
        itemId,
        ...(kind === undefined ? {} : { kind }),
      }));
    },
    set,
    /** Forgets kinds that a release does not have: its own default counts. @param {readonly string[]} kinds */
    keepKinds(kinds) {
      const isOther = (/** @type {Entry} */ { kind }) => kind !== undefined && !kinds.includes(kind);
      if (!entries.some(isOther)) return;
      set(
        entries.map((entry) => (isOther(entry) ? { ...entry, kind: undefined } : entry)),
        '',
      );
    },
    /** @param {Item} item @param {string | undefined} kind */
    add: (item, kind) => set([...without(item.itemId), { item, kind, known: true }], `Added ${title(item)}.`),
    /** @param {Item} item */
    remove: (item) => set(without(item.itemId), `Removed ${title(item)}.`),
    /** @param {Item} item @param {-1 | 1} step 1 makes it one event newer */
    move(item, step) {
      const from = indexOf(item.itemId);
      const moved = entries[from];
      const to = from + step;
      if (moved === undefined || to < 0 || to >= entries.length) return;
      set(
        without(item.itemId).toSpliced(to, 0, moved),
        `${title(item)} is now ${step > 0 ? 'newer' : 'older'}.`,
      );
    },
    /** @param {Item} item @param {string} kind */
    change(item, kind) {
      const next = entries.map((entry) => (entry.item.itemId === item.itemId ? { ...entry, kind } : entry));
      set(next, `${title(item)} counts as ${kind}.`);
    },
    clear: () => set([], 'The history is empty.'),
  };
}

/** @typedef {ReturnType<typeof visitorHistory>} VisitorHistory */

/**
 * @param {string} symbol
 * @param {string} label
 * @param {() => void} onclick
 * @param {boolean} [disabled]
 */
const iconButton = (symbol, label, onclick, disabled = false) =>
  el(
    'button',
    { class: 'icon-button', type: 'button', onclick, 'aria-disabled': disabled, title: label },
    el('span', { 'aria-hidden': true }, symbol),
    hiddenText(label),
  );

/**
 * @param {Entry} entry
 * @param {VisitorHistory} history
 * @param {readonly string[]} kinds
 */
function kindSelect(entry, history, kinds) {
  const change = (/** @type {Event} */ event) =>
    history.change(entry.item, /** @type {HTMLSelectElement} */ (event.target).value);
  return el(
    'select',
    { 'aria-label': `Kind of event for ${title(entry.item)}`, onchange: change },
    ...kinds.map((kind) => el('option', { value: kind, selected: kind === entry.kind }, kind)),
  );
}

/**
 * @param {VisitorHistory} history
 * @param {readonly string[]} kinds the release's kinds of events; a choice is offered when there are several
 * @param {(item: Item) => void} focus
 */
export function showHistory(history, kinds, focus) {
  const list = byId('history-list', HTMLOListElement);
  const { entries } = history;
  const rows = entries.map((entry, index) => {
    const { item, known } = entry;
    const keys = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === 'Delete' || (event.key === 'Backspace' && event.target instanceof HTMLButtonElement))
        history.remove(item);
      else if (event.altKey && event.key === 'ArrowUp') history.move(item, 1);
      else if (event.altKey && event.key === 'ArrowDown') history.move(item, -1);
      else return;
      event.preventDefault();
    };
    return el(
      'li',
      { class: 'row', 'data-item': item.itemId, onkeydown: keys },
      tile(item),
      el(
        'h3',
        {},
        el(
          'button',
          { class: 'cover', type: 'button', dir: 'auto', title: title(item), onclick: () => focus(item) },
          hiddenText('Show what is similar to '),
          title(item),
        ),
      ),
      el(
        'div',
        { class: 'row-side' },
        known ? facts(item) : el('span', { class: 'tag' }, 'not in this release'),
        el(
          'div',
          { class: 'row-actions above' },
          kinds.length > 1 && known && kindSelect(entry, history, kinds),
          iconButton(
            '↑',
            `Make ${title(item)} newer`,
            () => history.move(item, 1),
            index === entries.length - 1,
          ),
          iconButton('↓', `Make ${title(item)} older`, () => history.move(item, -1), index === 0),
          iconButton('✕', `Remove ${title(item)}`, () => history.remove(item)),
        ),
      ),
    );
  });
  if (entries.length > list.childElementCount) list.scrollTo(0, 0);
  const refocus = restoreFocus(list, byId('search-input', HTMLInputElement));
  slide(list, rows.reverse());
  refocus();
  byId('history-count', HTMLElement).textContent = entries.length === 0 ? '' : String(entries.length);
  byId('history-empty', HTMLElement).hidden = entries.length > 0;
  byId('clear', HTMLButtonElement).hidden = entries.length === 0;
}
