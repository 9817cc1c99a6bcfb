import { recommendationsPath } from './api.js';
import { announce, byId } from './dom.js';
import { curl } from './format.js';

/**
 * Shows the page's request as a command.
 * @param {unknown} body
 */
export function showRequest(body) {
  byId('curl', HTMLElement).textContent = curl(new URL(recommendationsPath, location.href).href, body);
  byId('copied', HTMLElement).textContent = '';
}

/** Copies the command; where the browser forbids that (plain HTTP, no permission), selects it for the keyboard. */
export async function copyRequest() {
  const code = byId('curl', HTMLElement);
  const result = byId('copied', HTMLElement);
  try {
    await navigator.clipboard.writeText(code.textContent ?? '');
    result.textContent = 'Copied';
  } catch {
    getSelection()?.selectAllChildren(code);
    result.textContent = 'Selected; copy it with your keyboard';
  }
  announce(result.textContent);
}
