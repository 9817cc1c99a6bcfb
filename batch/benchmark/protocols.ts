import type { Goal, Protocol, Published } from './protocol.ts';

const atLeast = (model: string, metric: string, value: number): Goal => ({ model, metric, atLeast: value });
const times = (model: string, metric: string, factor: number, rival: string): Goal => ({
  ...{ model, metric, atLeast: factor },
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
];
