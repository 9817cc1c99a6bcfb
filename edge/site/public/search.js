/** @import { Item } from './api.js' */
import { ApiError, search } from './api.js';
import { announce, byId, el } from './dom.js';
import { facts, tile, title } from './items.js';

const found = 8;
const pauseMs = 120;

/**
 * The search field: an editable combobox with a list (WAI-ARIA APG). Typing searches the catalogue after a short pause;
 * arrows choose, Enter takes, Escape closes and then empties.
 * @param {(item: Item) => void} take
 */
export function searchBox(take) {
  const input = byId('search-input', HTMLInputElement);
  const list = byId('search-list', HTMLElement);
  const message = byId('search-message', HTMLElement);
  /** @type {readonly Item[]} */
  let items = [];
  let active = -1;
  let timer = 0;
  let running = new AbortController();

  const activate = (/** @type {number} */ index) => {
    active = index;
    for (const [i, option] of [...list.children].entries())
      option.setAttribute('aria-selected', String(i === index));
    list.children[index]?.scrollIntoView({ block: 'nearest' });
    if (index < 0) input.removeAttribute('aria-activedescendant');
    else input.setAttribute('aria-activedescendant', `option-${index}`);
  };
  const open = (/** @type {boolean} */ isOpen, text = '') => {
    list.hidden = !isOpen || items.length === 0;
    message.hidden = !isOpen || text === '';
    message.textContent = text;
    input.setAttribute('aria-expanded', String(!list.hidden));
    if (list.hidden) activate(-1);
  };
  const choose = (/** @type {Item} */ item) => {
    running.abort();
    clearTimeout(timer);
    input.value = '';
    items = [];
    open(false);
    take(item);
  };
  const show = (/** @type {readonly Item[]} */ answer) => {
    items = answer;
    list.replaceChildren(
      ...items.map((item, index) =>
        el(
          'div',
          {
            id: `option-${index}`,
            role: 'option',
            'aria-selected': false,
            class: 'row',
            onclick: () => choose(item),
          },
          tile(item),
          el('span', { class: 'option-title', dir: 'auto' }, title(item)),
          facts(item),
        ),
      ),
    );
    activate(-1);
    open(true, items.length === 0 ? 'Nothing in the catalogue has these words.' : '');
    announce(items.length === 0 ? 'Nothing found.' : `${items.length} found. Arrow down to choose.`);
  };
  const run = async () => {
    running.abort();
    running = new AbortController();
    const { signal } = running;
    const words = input.value.trim();
    if (words === '') {
      items = [];
      return open(false);
    }
    try {
      const { data } = await search(words, found, signal);
      if (!signal.aborted) show(data.items);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      items = [];
      open(true, `${error.problem.title}: ${error.message}`);
      announce(message.textContent ?? '');
    }
  };
  const move = (/** @type {number} */ step) => {
    if (list.hidden) return items.length > 0 ? open(true) : void run();
    const places = items.length + 1; // one of them is the field itself
    activate(((active + 1 + step + places) % places) - 1);
  };
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: () => {
      const item = items[list.hidden ? -1 : Math.max(active, 0)];
      if (item !== undefined) choose(item);
    },
    Escape: () => {
      if (list.hidden && message.hidden) input.value = '';
      running.abort();
      clearTimeout(timer);
      open(false);
    },
  };
  input.addEventListener('keydown', (event) => {
    const action = event.isComposing ? undefined : keys[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = window.setTimeout(run, pauseMs);
  });
  input.addEventListener('focus', () => items.length > 0 && open(true));
  input.addEventListener('blur', () => open(false));
  // Keeps the focus in the field, so that a click on an option is not a blur first.
  list.addEventListener('mousedown', (event) => event.preventDefault());
  return { focus: () => input.focus() };
}
