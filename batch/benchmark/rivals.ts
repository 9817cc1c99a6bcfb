import type { Dataset } from '../data/dataset.ts';
import { popularityScores } from '../models/popularity.ts';
import { seededRandom } from '../training/random.ts';

/** A way of ranking that is no model: everybody is answered alike. For protocols in which the baselines have nothing to go by. */
export interface Rival {
  readonly name: string;
  /** [items] */
  scores(train: Dataset, seed: number): Float32Array;
}

export const byChance: Rival = {
  name: 'random',
  scores: (train, seed) => Float32Array.from(train.itemIds, seededRandom(seed)),
};

/** By the mean popularity of the other items with an item's categories (or words, where there are none), averaged over these. */
export const byCategory: Rival = {
  name: 'popularity of category',
  scores(train) {
    const popularity = popularityScores(train, {});
    const namesOf = (item: number) => train.attributes[item]?.categories ?? train.features?.[item] ?? [];
    const totals = new Map<string, { users: number; items: number }>();
    for (const [item, users] of popularity.entries()) {
      if (users === 0) continue;
      for (const name of namesOf(item)) {
        const total = totals.get(name) ?? { users: 0, items: 0 };
        totals.set(name, { users: total.users + users, items: total.items + 1 });
      }
    }
    return popularity.map((_, item) => {
      const means = namesOf(item).flatMap((name) => {
        const total = totals.get(name);
        return total === undefined ? [] : [total.users / total.items];
      });
      return means.length === 0 ? 0 : means.reduce((sum, value) => sum + value, 0) / means.length;
    });
  },
};
