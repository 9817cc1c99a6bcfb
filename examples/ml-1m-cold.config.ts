import { defineConfig } from '../batch/config.ts';
import ml1m from './ml-1m.config.ts';

/**
 * MovieLens 1M (see ml-1m.config.ts), cold items: a tenth of the films is never trained on and has to be recommended by
 * genre, year and the words of its title.
 *
 *     npm start -- --config examples/ml-1m-cold.config.ts --data <folder that holds ml-1m>
 */
export default defineConfig({
  ...ml1m,
  name: 'MovieLens 1M, cold items',
  channel: 'ml-1m-cold',
  data: {
    ...ml1m.data,
    items: {
      path: 'ml-1m/movies.dat',
      delimiter: '::',
      encoding: 'latin-1',
      columnNames: ['movie', 'title', 'genres'],
      columns: {
        itemId: 'movie',
        title: 'title',
        categories: 'genres',
        features: `list_concat(
          regexp_extract_all(lower(regexp_replace(title, ' \\(\\d{4}\\)$', '')), '[a-z'']+'),
          [title[-5:-2], 'around ' || CAST(title[-5:-2] AS INTEGER) // 5 * 5]
        )`,
      },
    },
  },
  // What is learnt beyond the first epoch is about single items.
  models: { 'two-tower': { epochs: 1 } },
  split: { kind: 'cold-items' },
  evaluation: { at: [20], primary: 'recall@20' },
});
