import { defineConfig } from '../batch/config.ts';

/**
 * MovieLens 1M as click prediction: ratings above 3 are wanted, those below are not, 3 is left out (Song et al. 2019, AutoInt).
 * GroupLens publishes the data (https://grouplens.org/datasets/movielens/1m/; not to be redistributed), unpacked into `ml-1m`:
 *
 *     npm start -- --config examples/ml-1m-ctr.config.ts --data <folder that holds ml-1m>
 *
 * What is recommended is retrieved by what people liked; the ranker then orders it by the probability that it is liked.
 */
export default defineConfig({
  name: 'MovieLens 1M, liked or not',
  channel: 'ml-1m-ctr',
  data: {
    events: {
      path: 'ml-1m/ratings.dat',
      delimiter: '::',
      columnNames: ['user', 'movie', 'rating', 'ts'],
      where: 'rating <> 3',
      columns: {
        userId: 'user',
        itemId: 'movie',
        time: 'ts',
        kind: "CASE WHEN rating > 3 THEN 'like' ELSE 'dislike' END",
      },
    },
    items: {
      path: 'ml-1m/movies.dat',
      delimiter: '::',
      encoding: 'latin-1',
      columnNames: ['movie', 'title', 'genres'],
      columns: { itemId: 'movie', title: 'title', categories: 'genres' },
    },
    eventKinds: { like: 1, dislike: 0 },
  },
  split: { kind: 'leave-one-out' },
  evaluation: { at: [10, 20], primary: 'ndcg@10', sliceBy: 'categories' },
  models: { 'two-tower': {} },
  ranker: { split: { kind: 'rows' } },
});
