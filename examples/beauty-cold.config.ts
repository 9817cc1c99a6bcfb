import { defineConfig } from '../batch/config.ts';

/**
 * Amazon reviews of beauty products, 5-core, in S3-Rec's files (https://github.com/RUCAIBox/CIKM2020-S3Rec): a line a
 * user, `user item item …` in time order, and the items' attributes (categories, brands) as numbers in one JSON object.
 *
 *     npm start -- --config examples/beauty-cold.config.ts --data <folder that holds beauty>
 *
 * A tenth of the items is never trained on and has to be recommended by its attributes alone.
 */
export default defineConfig({
  name: 'Amazon Beauty, cold items',
  channel: 'beauty-cold',
  data: {
    events: {
      path: 'beauty/Beauty.txt',
      delimiter: '\t',
      columnNames: ['line'],
      columns: { userId: "split_part(line, ' ', 1)", itemId: "unnest(string_split(line, ' ')[2:])" },
    },
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
    eventKinds: { review: 1 },
  },
  split: { kind: 'cold-items' },
  evaluation: { at: [20], primary: 'recall@20' },
});
