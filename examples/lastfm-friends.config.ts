import { defineConfig } from '../batch/config.ts';

/**
 * The friendships of Last.fm listeners, of HetRec 2011, as GroupLens publishes them
 * (https://grouplens.org/datasets/hetrec-2011/; non-commercial research), unpacked into `lastfm-social`:
 *
 *     npm start -- --config examples/lastfm-friends.config.ts --data <folder that holds lastfm-social>
 *
 * The file names each friendship from both sides. What people have in common is what they listen to: the words by which
 * models know a person are the artists they listened to.
 */
export default defineConfig({
  name: 'Last.fm friends',
  channel: 'lastfm-friends',
  data: {
    events: {
      path: 'lastfm-social/user_friends.dat',
      delimiter: '\t',
      // Not every copy has a line of names.
      columnNames: ['userID', 'friendID'],
      where: 'try_cast(userID AS INTEGER) IS NOT NULL',
      columns: { userId: 'userID', itemId: 'friendID' },
    },
    items: {
      path: 'lastfm-social/user_artists.dat',
      delimiter: '\t',
      header: true,
      columns: { itemId: 'userID', features: 'artistID' },
    },
    eventKinds: { friendship: 1 },
  },
  explain: { evidence: 'friends' },
  split: { kind: 'friendships' },
  evaluation: { at: [10, 20], primary: 'ndcg@20' },
  models: { friends: {} },
});
