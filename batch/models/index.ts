import type { Recommender } from '../recommender.ts';
import { adamicAdar, commonNeighbours } from './common-neighbours.ts';
import { convSequence } from './conv-sequence.ts';
import { ease } from './ease.ts';
import { friends } from './friends.ts';
import { itemKnn } from './item-knn.ts';
import { multVae } from './mult-vae.ts';
import { popularity } from './popularity.ts';
import { twoTower } from './two-tower.ts';

/** Every model a config can name, one line each; baselines run whether named or not. */
export const recommenders: readonly Recommender[] = [
  popularity,
  itemKnn,
  ease,
  commonNeighbours,
  adamicAdar,
  twoTower,
  multVae,
  convSequence,
  friends,
];
