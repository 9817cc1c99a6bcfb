import { defineConfig } from '../batch/config.ts';

/**
 * Which app somebody opens in which circumstances: Frappe (Baltrunas et al. 2015, https://www.baltrunas.info/context-aware; research
 * only), unpacked into `frappe`:
 *
 *     npm start -- --config examples/frappe.config.ts --data <folder that holds frappe>
 *
 * The ranker's protocol is that of He & Chua (2017): two negatives drawn to each positive, rows parted 7 : 2 : 1 at random.
 * The data carry no time, so for retrieval whole users are held out.
 */
export default defineConfig({
  name: 'Frappe apps',
  channel: 'frappe',
  data: {
    events: {
      path: 'frappe/frappe.csv',
      delimiter: '\t',
      header: true,
      columns: {
        userId: '"user"',
        itemId: 'item',
        context: {
          daytime: 'daytime',
          weekday: 'weekday',
          isweekend: 'isweekend',
          homework: 'homework',
          cost: 'cost',
          weather: 'weather',
          country: 'country',
          city: 'city',
        },
      },
    },
    eventKinds: { usage: 1 },
  },
  split: { kind: 'held-out-users' },
  evaluation: { at: [10, 20], primary: 'ndcg@10' },
  models: {},
  ranker: { split: { kind: 'rows', testShare: 0.1, validationShare: 0.2 }, negatives: 2 },
});
