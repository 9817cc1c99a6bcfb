import type { Dataset, EventContext } from '../data/dataset.ts';
import { seededRandom } from '../training/random.ts';
import type { LabelledEvents } from './ranker.ts';

/** Draws for one negative before it is given up: somebody who wanted nearly everything has none. */
const attempts = 20;

/**
 * Behind each event of weight > 0, `count` events of weight 0 in its context and at its time, of items drawn uniformly among
 * those that the user never chose in that context (He & Chua 2017).
 */
export function withNegatives(dataset: Dataset, count: number, seed: number): LabelledEvents {
  const random = seededRandom(seed);
  const { offsets, itemIds, context } = dataset;
  const source: number[] = [];
  const items: number[] = [];
  const newOffsets = new Uint32Array(offsets.length);
  for (let user = 0; user + 1 < offsets.length; user++) {
    const chosen = new Set<string>();
    for (let event = offsets[user]!; event < offsets[user + 1]!; event++)
      if (dataset.weights[event]! > 0) chosen.add(`${dataset.items[event]} ${contextOf(context, event)}`);
    for (let event = offsets[user]!; event < offsets[user + 1]!; event++) {
      source.push(event);
      items.push(dataset.items[event]!);
      if (!(dataset.weights[event]! > 0)) continue;
      const circumstances = contextOf(context, event);
      for (let negative = 0; negative < count; negative++) {
        for (let attempt = 0; attempt < attempts; attempt++) {
          const item = 1 + Math.floor(random() * (itemIds.length - 1));
          if (chosen.has(`${item} ${circumstances}`)) continue;
          source.push(event);
          items.push(item);
          break;
        }
      }
    }
    newOffsets[user + 1] = source.length;
  }
  return laidOut(dataset, newOffsets, Int32Array.from(items), Int32Array.from(source));
}

const contextOf = (context: EventContext | undefined, event: number): string =>
  context === undefined ? '' : context.columns.map((column) => column[event]).join(' ');

/** `source` says of which event each new one is a copy; of several copies all but the first are drawn. */
function laidOut(
  dataset: Dataset,
  offsets: Uint32Array,
  items: Int32Array,
  source: Int32Array,
): LabelledEvents {
  const { times, weights, context, baskets } = dataset;
  const drawn = Uint8Array.from(source, (event, at) => (at > 0 && source[at - 1] === event ? 1 : 0));
  return {
    ...dataset,
    offsets,
    items,
    drawn,
    times: Float64Array.from(source, (event) => times[event]!),
    weights: Float32Array.from(source, (event, at) => (drawn[at] === 1 ? 0 : weights[event]!)),
    ...(baskets && { baskets: Int32Array.from(source, (event) => baskets[event]!) }),
    ...(context && {
      context: {
        ...context,
        columns: context.columns.map((column) => Int32Array.from(source, (event) => column[event]!)),
      },
    }),
  };
}
