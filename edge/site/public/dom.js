/**
 * @typedef {Node | string | false | undefined} Child
 * @typedef {string | number | boolean | undefined | ((event: any) => void)} Attribute
 */

/**
 * An element with attributes, listeners (`onclick: …`) and children. Strings become text nodes, never markup, so that
 * nothing in a catalogue can run.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, Attribute>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (name.startsWith('aria-') && value !== undefined) element.setAttribute(name, String(value));
    else if (typeof value === 'boolean') element.toggleAttribute(name, value);
    else if (value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== undefined && child !== false));
  return element;
}

/**
 * The element of this id in the page's markup.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`expected a ${type.name} #${id} in the page`);
  return element;
}

/**
 * Text for screen readers only.
 * @param {string} text
 */
export const hiddenText = (text) => el('span', { class: 'visually-hidden' }, text);

let announcement = 0;

/**
 * Tells a screen reader, after what it is saying now; a newer message replaces an older one that waits.
 * @param {string} message
 */
export function announce(message) {
  clearTimeout(announcement);
  announcement = window.setTimeout(() => {
    byId('status', HTMLElement).textContent = message;
  }, 150);
}
