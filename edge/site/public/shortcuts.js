import { byId } from './dom.js';

const setting = 'perigee.shortcuts';

/**
 * What storage yields; undefined where the browser denies it.
 * @template T
 * @param {() => T} use
 */
function attempt(use) {
  try {
    return use();
  } catch {
    return undefined;
  }
}

/**
 * Single-key shortcuts outside of fields, which the dialog that lists them can switch off (WCAG 2.1.4).
 * @param {Readonly<Record<string, () => void>>} actions by key
 */
export function shortcuts(actions) {
  const dialog = byId('shortcuts', HTMLDialogElement);
  const enabled = byId('shortcuts-enabled', HTMLInputElement);
  enabled.checked = attempt(() => localStorage.getItem(setting)) !== 'off';
  enabled.addEventListener('change', () =>
    attempt(() => localStorage.setItem(setting, enabled.checked ? 'on' : 'off')),
  );
  byId('shortcuts-open', HTMLButtonElement).addEventListener('click', () => dialog.showModal());
  const all = { ...actions, '?': () => dialog.showModal() };
  document.addEventListener('keydown', (event) => {
    const action = Object.hasOwn(all, event.key)
      ? all[/** @type {keyof typeof all} */ (event.key)]
      : undefined;
    const isTyping =
      event.target instanceof Element && event.target.closest('input, select, textarea, dialog');
    if (!action || !enabled.checked || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
}
