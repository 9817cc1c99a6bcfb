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

/** @returns {HistoryEvent[]} oldest first */
export const readLink = () =>
  [...new URLSearchParams(location.hash.slice(1))]
    .filter(([, itemId]) => itemId !== '')
    .slice(-longestLink)
    .map(([kind, itemId]) => ({ itemId, ...(kind === withoutKind ? {} : { kind }) }));
