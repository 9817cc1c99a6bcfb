import { defineConfig } from '../batch/config.ts';

/**
 * The friendships of ten Facebook users' circles, as SNAP publishes them (https://snap.stanford.edu/data/ego-Facebook.html),
 * in `facebook`, packed as they are:
 *
 *     npm start -- --config examples/facebook-friends.config.ts --data <folder that holds facebook>
 *
 * The file names each friendship once, so it is read a second time with the two people exchanged.
 */
const friendships = {
  path: 'facebook/facebook_combined.txt.gz',
  delimiter: ' ',
  columnNames: ['a', 'b'],
};

export default defineConfig({
  name: 'Facebook friends',
  channel: 'facebook-friends',
  data: {
    events: [
      { ...friendships, columns: { userId: 'a', itemId: 'b' } },
      { ...friendships, columns: { userId: 'b', itemId: 'a' } },
    ],
    eventKinds: { friendship: 1 },
  },
  explain: { evidence: 'friends' },
  split: { kind: 'friendships' },
  evaluation: { at: [10, 20], primary: 'ndcg@20' },
  models: { friends: { profile: 'full' } },
});
