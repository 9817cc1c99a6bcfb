import type { Dataset } from '../../../batch/data/dataset.ts';
import type { EvaluationSet } from '../../../batch/evaluate/protocol.ts';
import type { Query } from '../../../batch/recommender.ts';
import type { ItemAttributes } from '../../../shared/catalogue.ts';

/** A dataset of the given histories, item indices of each user; times and weights play no part in evaluation. */
export function datasetOf(
  histories: readonly (readonly number[])[],
  items: number,
  attributes: (item: number) => ItemAttributes | undefined = () => undefined,
): Dataset {
  const offsets = new Uint32Array(histories.length + 1);
  for (const [user, history] of histories.entries()) offsets[user + 1] = offsets[user]! + history.length;
  const events = offsets[histories.length]!;
  return {
    userIds: histories.map((_, user) => `u${user}`),
    itemIds: Array.from({ length: items }, (_, item) => (item === 0 ? '' : `i${item}`)),
    attributes: Array.from({ length: items }, (_, item) => (item === 0 ? undefined : attributes(item))),
    offsets,
    items: Int32Array.from(histories.flat()),
    times: new Float64Array(events),
    weights: new Float32Array(events).fill(1),
  };
}

export const queryOf = (items: readonly number[]): Query => ({
  history: {
    items: Int32Array.from(items),
    times: new Float64Array(items.length),
    weights: new Float32Array(items.length).fill(1),
  },
});

export const setOf = (
  pairs: readonly { readonly history: readonly number[]; readonly targets: readonly number[] }[],
  excludeHistory = true,
): EvaluationSet => ({
  queries: pairs.map(({ history }) => queryOf(history)),
  targets: pairs.map(({ targets }) => Int32Array.from(targets)),
  excludeHistory,
  protocol: 'made for a test',
});
