import type { Goal, Protocol, Published } from './protocol.ts';
import { byCategory, byChance } from './rivals.ts';

const atLeast = (model: string, metric: string, bound: number): Goal => ({ model, metric, sign: '≥', bound });
const atMost = (model: string, metric: string, bound: number): Goal => ({ model, metric, sign: '≤', bound });
const times = (model: string, metric: string, bound: number, rival: string): Goal => ({
  ...atLeast(model, metric, bound),
  times: rival,
});
const published = (metric: string, figures: readonly (readonly [string, number, string])[]): Published[] =>
  figures.map(([model, value, paper]) => ({ model, metric, value, paper }));

const onMl1m = published('ndcg@10', [
  ['Caser', 0.0734, 'Tang & Wang 2018'],
  ['SASRec, binary cross-entropy', 0.1078, 'Kang & McAuley 2018'],
  ['GRU4Rec, cross-entropy', 0.1648, 'Hidasi et al. 2016'],
  ['gSASRec', 0.1726, 'Petrov & Macdonald 2023'],
  ['SASRec, full softmax', 0.1821, 'Klenitskiy & Vasilev 2023'],
  ['HSTU-large', 0.1893, 'Zhai et al. 2024'],
]);

const coldRivals = [byChance, byCategory];
const coldGoals = [
  times('two-tower', 'recall@20', 2, byChance.name),
  times('two-tower', 'recall@20', 3, byCategory.name),
];

const friendGoals = ['recall@20', 'ndcg@20'].map((metric) => times('friends', metric, 1.1, 'adamic-adar'));

/** Every protocol that can be measured, one a line or two: a name, a config, what it is to come to, what others reached. */
export const protocols: readonly Protocol[] = [
  {
    name: 'online-retail-new',
    config: 'perigee.config.ts',
    embedded: true,
    goals: [times('two-tower', 'ndcg@20', 1.1, 'ease')],
  },
  {
    name: 'online-retail-any',
    config: 'perigee.config.ts',
    embedded: true,
    changes: { split: { kind: 'last-basket', targets: 'any', minimumHistory: 5 } },
    goals: [times('two-tower', 'ndcg@20', 1.1, 'ease')],
  },
  {
    name: 'ml-1m-sequence',
    config: 'examples/ml-1m-sequence.config.ts',
    changes: { models: { 'conv-sequence': { profile: 'full' } } },
    goals: [atLeast('conv-sequence', 'ndcg@10', 0.186)],
    published: onMl1m,
  },
  {
    name: 'ml-1m-sequence-fast',
    config: 'examples/ml-1m-sequence.config.ts',
    goals: [atLeast('conv-sequence', 'ndcg@10', 0.172)],
    published: onMl1m,
  },
  {
    name: 'ml-1m-strong',
    config: 'examples/ml-1m-strong.config.ts',
    goals: [times('mult-vae', 'ndcg@100', 1.02, 'ease')],
  },
  {
    name: 'beauty',
    config: 'examples/beauty.config.ts',
    goals: [atLeast('conv-sequence', 'ndcg@10', 0.0403)],
    published: published('ndcg@10', [
      ['Caser', 0.0176, 'Tang & Wang 2018'],
      ['ICLRec', 0.0403, 'Chen et al. 2022'],
    ]),
  },
  {
    name: 'toys',
    config: 'examples/toys.config.ts',
    goals: [atLeast('conv-sequence', 'ndcg@10', 0.048)],
    published: published('ndcg@10', [['ICLRec', 0.048, 'Chen et al. 2022']]),
  },
  {
    name: 'gowalla',
    config: 'examples/gowalla.config.ts',
    goals: [atLeast('graph-filter', 'recall@20', 0.188), atLeast('graph-filter', 'ndcg@20', 0.158)],
    published: published('ndcg@20', [
      ['Mult-VAE', 0.1335, 'Liang et al. 2018'],
      ['MF-BPR', 0.1378, 'Rendle et al. 2009'],
      ['EASE', 0.1467, 'Steck 2019'],
      ['YouTubeDNN', 0.1473, 'Covington et al. 2016'],
      ['LightGCN', 0.1547, 'He et al. 2020'],
      ['SimpleX', 0.1557, 'Mao et al. 2021'],
      ['UltraGCN', 0.158, 'Mao et al. 2021'],
    ]),
  },
  { name: 'ml-1m-cold', config: 'examples/ml-1m-cold.config.ts', rivals: coldRivals, goals: coldGoals },
  { name: 'beauty-cold', config: 'examples/beauty-cold.config.ts', rivals: coldRivals, goals: coldGoals },
  { name: 'lastfm-friends', config: 'examples/lastfm-friends.config.ts', goals: friendGoals },
  { name: 'facebook-friends', config: 'examples/facebook-friends.config.ts', goals: friendGoals },
  {
    name: 'ml-1m-ctr',
    config: 'examples/ml-1m-ctr.config.ts',
    measures: 'ranker',
    goals: [atLeast('ctr-ranker', 'auc', 0.89), atMost('ctr-ranker', 'ece', 0.01)],
    published: published('auc', [
      ['FM', 0.825, 'Rendle 2010'],
      ['AutoInt', 0.846, 'Song et al. 2019'],
    ]),
  },
  {
    name: 'frappe',
    config: 'examples/frappe.config.ts',
    measures: 'ranker',
    goals: [atLeast('ctr-ranker', 'auc', 0.975), times('ctr-ranker', 'auc', 1, 'factorisation machine')],
  },
];
