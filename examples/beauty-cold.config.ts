import { defineConfig } from '../batch/config.ts';
import beauty from './beauty.config.ts';

/**
 * Amazon Beauty (see beauty.config.ts), cold items: a tenth of the products is never trained on and has to be recommended by
 * its attributes, which S3-Rec publishes as numbers of categories and brands in one JSON object.
 *
 *     npm start -- --config examples/beauty-cold.config.ts --data <folder that holds beauty>
 */
export default defineConfig({
  ...beauty,
  name: 'Amazon Beauty, cold items',
  channel: 'beauty-cold',
  data: {
    ...beauty.data,
    items: {
      path: 'beauty/Beauty_item2attributes.json',
      format: 'csv',
      delimiter: '\t',
      columnNames: ['line'],
      columns: {
        itemId: `unnest(regexp_extract_all(line, '"(\\d+)": \\[', 1))`,
        features: `string_split(unnest(regexp_extract_all(line, '": \\[(.*?)\\]', 1)), ', ')`,
      },
    },
  },
  // What is learnt beyond the first epoch is about single items.
  models: { 'two-tower': { epochs: 1 } },
  split: { kind: 'cold-items' },
  evaluation: { at: [20], primary: 'recall@20' },
});
