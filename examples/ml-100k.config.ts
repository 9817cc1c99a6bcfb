import { defineConfig } from '../batch/config.ts';

/**
 * MovieLens 100K, as GroupLens publishes it (https://grouplens.org/datasets/movielens/100k/; research only):
 *
 *     npm start -- --config examples/ml-100k.config.ts --data <folder that holds ml-100k>
 */

/** `u.item` ends in one 0/1 column for each of these, in this order. */
const genres = [
  'unknown',
  'Action',
  'Adventure',
  'Animation',
  "Children's",
  'Comedy',
  'Crime',
  'Documentary',
  'Drama',
  'Fantasy',
  'Film-Noir',
  'Horror',
  'Musical',
  'Mystery',
  'Romance',
  'Sci-Fi',
  'Thriller',
  'War',
  'Western',
];
const genreOrNull = (genre: string): string =>
  `CASE WHEN "${genre}" = 1 THEN '${genre.replaceAll("'", "''")}' END`;

export default defineConfig({
  name: 'MovieLens 100K',
  channel: 'ml-100k',
  data: {
    events: {
      path: 'ml-100k/u.data',
      delimiter: '\t',
      columnNames: ['user', 'movie', 'rating', 'time'],
      columns: { userId: 'user', itemId: 'movie', time: 'time' },
    },
    items: {
      path: 'ml-100k/u.item',
      delimiter: '|',
      encoding: 'latin-1',
      columnNames: ['movie', 'title', 'released', 'released on video', 'imdb', ...genres],
      columns: {
        itemId: 'movie',
        title: 'title',
        categories: `[${genres.map(genreOrNull).join(', ')}]`,
        url: 'imdb',
      },
    },
    eventKinds: { rating: 1 },
  },
  split: { kind: 'leave-one-out' },
  evaluation: { at: [10, 20], primary: 'ndcg@10', sliceBy: 'categories' },
});
