import { defineConfig } from '../batch/config.ts';

/**
 * Last.fm listening counts of HetRec 2011, as GroupLens publishes them
 * (https://grouplens.org/datasets/hetrec-2011/; non-commercial research), unpacked into `lastfm-social`:
 *
 *     npm start -- --config examples/lastfm-social.config.ts --data <folder that holds lastfm-social>
 *
 * The listens carry no time, so whole users are held out and a fifth of their artists is asked for
 * (Liang et al. 2018, whose recall divides by min(k, relevant)).
 */
export default defineConfig({
  name: 'Last.fm artists',
  channel: 'lastfm-social',
  data: {
    events: {
      path: 'lastfm-social/user_artists.dat',
      delimiter: '\t',
      header: true,
      columns: { userId: 'userID', itemId: 'artistID' },
    },
    items: {
      path: 'lastfm-social/artists.dat',
      delimiter: '\t',
      header: true,
      columns: { itemId: 'id', title: 'name', url: 'url' },
    },
    eventKinds: { listen: 1 },
    // Most of the 17,632 artists have one listener.
    minimumUserEvents: 5,
    minimumItemEvents: 5,
  },
  split: { kind: 'held-out-users' },
  evaluation: { at: [20, 50], primary: 'ndcg@20', recallDenominator: 'truncated' },
});
