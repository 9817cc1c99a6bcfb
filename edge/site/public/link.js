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

/** @returns {HistoryEvent[]} oldest first */
export const readLink = () =>
  [...new URLSearchParams(location.hash.slice(1))]
    .filter(([, itemId]) => itemId !== '')
    .map(([kind, itemId]) => ({ itemId, ...(kind === withoutKind ? {} : { kind }) }));
