import type { Ranker } from '../ranking/ranker.ts';
import type { Recommender } from '../recommender.ts';
import { caser } from './caser.ts';
import { adamicAdar, commonNeighbours } from './common-neighbours.ts';
import { convSequence } from './conv-sequence.ts';
import { ctrRanker } from './ctr-ranker.ts';
import { ease } from './ease.ts';
import { friends } from './friends.ts';
import { graphFilter } from './graph-filter.ts';
import { itemKnn } from './item-knn.ts';
import { multVae } from './mult-vae.ts';
import { nextItNet } from './next-it-net.ts';
import { popularity } from './popularity.ts';
import { twoTower } from './two-tower.ts';

/** Every model a config can name, one line each; baselines run whether named or not. */
export const recommenders: readonly Recommender[] = [
  popularity,
  itemKnn,
  ease,
  graphFilter,
  commonNeighbours,
  adamicAdar,
  twoTower,
  multVae,
  convSequence,
  caser,
  nextItNet,
  friends,
];

/** Every ranker a config can name. */
export const rankers: readonly Ranker[] = [ctrRanker];
