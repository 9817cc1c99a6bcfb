import { defineConfig } from '../batch/config.ts';

/**
 * Amazon reviews of beauty products, 5-core (McAuley et al. 2015), in the file that S3-Rec publishes
 * (https://github.com/RUCAIBox/CIKM2020-S3Rec). Say where its folder `beauty` lies:
 *
 *     npm start -- --config examples/beauty.config.ts --data <folder that holds beauty>
 *
 * A line is a user and their items in the order of time, which itself is not given. Each user's last item is the test, the
 * whole catalogue is ranked.
 */
export default defineConfig({
  name: 'Amazon Beauty',
  channel: 'beauty',
  data: {
    events: {
      path: 'beauty/Beauty.txt',
      format: 'csv',
      delimiter: '\t',
      header: false,
      columnNames: ['line'],
      columns: { userId: "split_part(line, ' ', 1)", itemId: "unnest(string_split(line, ' ')[2:])" },
    },
    eventKinds: { review: 1 },
  },
  models: { 'conv-sequence': { profile: 'sparse' } },
  split: { kind: 'leave-one-out' },
  evaluation: { at: [5, 10, 20], primary: 'ndcg@10' },
});
