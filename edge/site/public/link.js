/** @import { HistoryEvent } from '../../../shared/api.ts' */

const withoutKind = 'item';

/**
 * Keeps the history in the page's address (`#purchase=85123A&purchase=22470`), so that a reload or a link shows it again.
 * @param {readonly HistoryEvent[]} events
 */
export function writeLink(events) {
  const fragment = new URLSearchParams(events.map(({ itemId, kind }) => [kind ?? withoutKind, itemId]));
  window.history.replaceState(null, '', events.length > 0 ? `#${fragment}` : location.pathname);
}

/** Events of a link that are read, the newest: each costs a request. */
const longestLink = 200;

/** Whether the address holds a history, or none, and not the place on the page that somebody skipped to. */
export const isLink = () => location.hash === '' || location.hash.includes('=');

/** @returns {HistoryEvent[]} oldest first, an item once, at its newest event */
export function readLink() {
  const kinds = new Map();
  for (const [kind, itemId] of new URLSearchParams(location.hash.slice(1))) {
    kinds.delete(itemId);
    if (itemId !== '') kinds.set(itemId, kind);
  }
  return [...kinds]
    .slice(-longestLink)
    .map(([itemId, kind]) => ({ itemId, ...(kind === withoutKind ? {} : { kind }) }));
}
