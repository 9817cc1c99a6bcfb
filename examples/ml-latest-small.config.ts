import { defineConfig } from '../batch/config.ts';

/**
 * MovieLens latest-small (2018), as GroupLens publishes it (https://grouplens.org/datasets/movielens/latest/;
 * non-commercial):
 *
 *     npm start -- --config examples/ml-latest-small.config.ts --data <folder that holds ml-latest-small>
 */
export default defineConfig({
  name: 'MovieLens latest-small',
  channel: 'ml-latest-small',
  data: {
    events: {
      path: 'ml-latest-small/ratings.csv',
      header: true,
      columns: { userId: 'userId', itemId: 'movieId', time: 'timestamp' },
    },
    items: {
      path: 'ml-latest-small/movies.csv',
      header: true,
      columns: { itemId: 'movieId', title: 'title', categories: 'genres' },
    },
    eventKinds: { rating: 1 },
    // Two of three films have fewer than five ratings: nothing can be learnt of them.
    minimumUserEvents: 5,
    minimumItemEvents: 5,
  },
  split: { kind: 'leave-one-out' },
  evaluation: { at: [10, 20], primary: 'ndcg@10', sliceBy: 'categories' },
});
