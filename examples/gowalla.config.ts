import { defineConfig } from '../batch/config.ts';

/**
 * Gowalla check-ins, in the split that NGCF and LightGCN publish (https://github.com/kuandeng/LightGCN). Say where the
 * folder `gowalla` with its train.txt and test.txt lies:
 *
 *     npm start -- --config examples/gowalla.config.ts --data <folder that holds gowalla>
 *
 * A line is a user and their places, without time and in no order, so that the validation is drawn from all of them.
 */
const lines = {
  delimiter: '\t',
  header: false,
  columnNames: ['line'],
  columns: { userId: "split_part(line, ' ', 1)", itemId: "unnest(string_split(line, ' ')[2:])" },
};

export default defineConfig({
  name: 'Gowalla places',
  channel: 'gowalla',
  data: { events: { path: 'gowalla/train.txt', ...lines }, eventKinds: { visit: 1 } },
  split: { kind: 'files', test: { path: 'gowalla/test.txt', ...lines }, validationShare: 0.1 },
  evaluation: { at: [20], primary: 'ndcg@20' },
  models: { 'graph-filter': {} },
});
