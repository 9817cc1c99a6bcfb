import { defineConfig } from '../batch/config.ts';

/**
 * MovieLens 1M, as GroupLens publishes it (https://grouplens.org/datasets/movielens/1m/; research only). Unpack it and
 * say where the folder `ml-1m` lies:
 *
 *     npm start -- --config examples/ml-1m-sequence.config.ts --data <folder that holds ml-1m>
 *
 * The protocol of the sequential recommenders: every rating is an event, users and items with at least five, each
 * user's last one is the test, the whole catalogue is ranked. Here by a model of the order, which takes longer
 * than the quick example beside this one: some five minutes on native TensorFlow (`npm run setup:native`).
 */
export default defineConfig({
  name: 'MovieLens 1M, in order',
  channel: 'ml-1m-sequence',
  data: {
    events: {
      path: 'ml-1m/ratings.dat',
      delimiter: '::',
      columnNames: ['user', 'movie', 'rating', 'time'],
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
    minimumItemEvents: 5,
  },
  // `profile: 'full'` takes twice as long, for some more accuracy.
  models: { 'conv-sequence': {} },
  split: { kind: 'leave-one-out' },
  evaluation: { at: [10, 20], primary: 'ndcg@10', sliceBy: 'categories' },
});
