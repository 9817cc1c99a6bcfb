const still = matchMedia('(prefers-reduced-motion: reduce)');

/**
 * Replaces the entries of a list; those whose `data-item` stays move from their old place to their new one, others fade
 * in. Without motion where the user prefers none.
 * @param {HTMLElement} list
 * @param {readonly HTMLElement[]} entries
 */
export function slide(list, entries) {
  const children = /** @type {HTMLElement[]} */ ([...list.children]);
  const before = new Map(children.map((entry) => [entry.dataset['item'], entry.getBoundingClientRect()]));
  list.replaceChildren(...entries);
  if (still.matches || before.size === 0) return;
  for (const entry of entries) {
    const from = before.get(entry.dataset['item']);
    const to = entry.getBoundingClientRect();
    const keyframes = from
      ? [{ transform: `translate(${from.left - to.left}px, ${from.top - to.top}px)` }, { transform: 'none' }]
      : [
          { opacity: 0, transform: 'scale(0.97)' },
          { opacity: 1, transform: 'none' },
        ];
    entry.animate(keyframes, { duration: from ? 420 : 320, easing: 'cubic-bezier(0.2, 0.8, 0.2, 1)' });
  }
}

/**
 * Remembers which control of a list has the focus. The function that it returns gives the focus back after the list was
 * filled anew: to the same item's, or else to the one at the same place.
 * @param {HTMLElement} list
 * @param {HTMLElement} [otherwise] where the focus goes when the list is empty
 * @returns {() => void}
 */
export function restoreFocus(list, otherwise) {
  const focused = document.activeElement;
  const entry = focused?.closest('li');
  if (!entry || !list.contains(focused)) return () => {};
  const place = [...list.children].indexOf(entry);
  const control = [...entry.querySelectorAll('button, select')].indexOf(focused ?? entry);
  const itemId = entry.dataset['item'];
  return () => {
    const entries = /** @type {HTMLElement[]} */ ([...list.children]);
    const target =
      entries.find((candidate) => candidate.dataset['item'] === itemId) ??
      entries[Math.min(place, entries.length - 1)];
    const controls = /** @type {HTMLElement[]} */ ([...(target?.querySelectorAll('button, select') ?? [])]);
    (controls[control] ?? controls[0] ?? otherwise)?.focus({ preventScroll: true });
  };
}
