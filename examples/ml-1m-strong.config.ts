import { defineConfig } from '../batch/config.ts';

/**
 * MovieLens 1M, as GroupLens publishes it (https://grouplens.org/datasets/movielens/1m/; research only). Unpack it and
 * say where the folder `ml-1m` lies:
 *
 *     npm start -- --config examples/ml-1m-strong.config.ts --data <folder that holds ml-1m>
 *
 * The protocol of the autoencoders (strong generalisation, Liang et al. 2018): ratings of 4 and 5 are events, a tenth of the
 * users are held out whole for the test and another for validation, 80 % of their events are the history.
 */
export default defineConfig({
  name: 'MovieLens 1M, held-out users',
  channel: 'ml-1m-strong',
  data: {
    events: {
      path: 'ml-1m/ratings.dat',
      delimiter: '::',
      columnNames: ['user', 'movie', 'rating', 'time'],
      where: 'rating > 3.5',
      columns: { userId: 'user', itemId: 'movie', time: 'time' },
    },
    items: {
      path: 'ml-1m/movies.dat',
      delimiter: '::',
      encoding: 'latin-1',
      columnNames: ['movie', 'title', 'genres'],
      columns: { itemId: 'movie', title: 'title', categories: 'genres' },
    },
    eventKinds: { rating: 1 },
    minimumUserEvents: 5,
  },
  split: { kind: 'held-out-users' },
  evaluation: {
    at: [20, 50, 100],
    primary: 'ndcg@100',
    recallDenominator: 'truncated',
    sliceBy: 'categories',
  },
  models: { 'mult-vae': { profile: 'full', maxHistory: 2_000 } },
});
