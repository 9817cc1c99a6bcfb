/** @import { ReleaseResponse } from '../../../shared/api.ts' */
import { byId, el } from './dom.js';

/**
 * The kinds of events, the weightiest first.
 * @param {ReleaseResponse['eventKinds'] | undefined} weights
 */
export const kindsOf = (weights = {}) =>
  Object.entries(weights)
    .sort(([, a], [, b]) => b - a)
    .map(([kind]) => kind);

/** What a click counts as; undefined, where there is no choice, lets the release decide. */
export const selectedKind = () =>
  document.querySelector('input[name=kind]:checked')?.getAttribute('value') ?? undefined;

/**
 * Offers the choice where a release has several kinds.
 * @param {ReleaseResponse['eventKinds']} weights
 */
export function showKinds(weights) {
  const kinds = kindsOf(weights);
  const options = kinds.map((kind, index) =>
    el(
      'label',
      {},
      el('input', { type: 'radio', name: 'kind', value: kind, checked: index === 0 }),
      kind,
      el('span', { class: 'quiet' }, ` ${weights[kind]}`),
    ),
  );
  byId('kind-options', HTMLElement).replaceChildren(...(kinds.length > 1 ? options : []));
  byId('kinds', HTMLElement).hidden = kinds.length < 2;
}
