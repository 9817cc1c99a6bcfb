import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type DataConfig, defineConfig } from '../../../batch/config.ts';
import { loadDataset, loadTestEvents } from '../../../batch/data/ingest.ts';
import { splitDataset } from '../../../batch/data/split.ts';
import { parseConfig } from '../../../batch/load-config.ts';
import beauty from '../../../examples/beauty.config.ts';
import lastfm from '../../../examples/lastfm-social.config.ts';
import ml1m from '../../../examples/ml-1m.config.ts';
import ml100k from '../../../examples/ml-100k.config.ts';
import mlLatestSmall from '../../../examples/ml-latest-small.config.ts';
import toys from '../../../examples/toys.config.ts';
import { contextIn, isMissing, publicData } from '../../fixtures/sources.ts';

const everything: Partial<DataConfig> = { minimumUserEvents: 1, minimumItemEvents: 1 };
const load = async (example: ReturnType<typeof defineConfig>, overrides: Partial<DataConfig> = {}) => {
  const config = parseConfig(example, 'example');
  const { dataset, quality } = await loadDataset({ ...config.data, ...overrides }, contextIn(publicData));
  const counts = [dataset.userIds.length, dataset.itemIds.length - 1, dataset.items.length];
  return { config, dataset, quality, counts };
};

describe.skipIf(isMissing('ml-1m/ratings.dat'))('MovieLens 1M', () => {
  it('has the published counts, and those of the leave-one-out protocol', { timeout: 120_000 }, async () => {
    const { config, dataset, quality, counts } = await load(ml1m);
    expect(quality.rows.read).toBe(1_000_209);
    expect(counts).toEqual([6_040, 3_416, 999_611]);
    expect(dataset.attributes[dataset.itemIds.indexOf('73')]).toEqual({
      title: 'Misérables, Les (1995)',
      categories: ['Drama', 'Musical'],
    });
    const split = splitDataset(dataset, config.split, config.seed);
    expect([split.validation.queries.length, split.test.queries.length]).toEqual([6_040, 6_040]);
    expect(split.train.items.length).toBe(999_611 - 2 * 6_040);
    expect(split.test.protocol).toBe(
      "leave-one-out: each user's last item, all 3,416 items ranked but the user's own",
    );
  });
});

describe.skipIf(isMissing('ml-100k/u.data'))('MovieLens 100K', () => {
  it('has the published counts, and genres from their columns', async () => {
    const { dataset, counts } = await load(ml100k);
    expect(counts).toEqual([943, 1_682, 100_000]);
    expect(dataset.attributes[dataset.itemIds.indexOf('1')]).toEqual({
      title: 'Toy Story (1995)',
      categories: ['Animation', "Children's", 'Comedy'],
      url: 'http://us.imdb.com/M/title-exact?Toy%20Story%20(1995)',
    });
  });
});

describe.skipIf(isMissing('ml-latest-small/ratings.csv'))('MovieLens latest-small', () => {
  it('has the published counts', async () => {
    expect((await load(mlLatestSmall, everything)).counts).toEqual([610, 9_724, 100_836]);
    const { dataset, counts } = await load(mlLatestSmall);
    expect(counts).toEqual([610, 3_650, 90_274]);
    expect(dataset.attributes.slice(1).every((known) => known?.title !== undefined)).toBe(true);
  });
});

describe.skipIf(isMissing('lastfm-social/user_artists.dat'))('Last.fm', () => {
  it('has the published counts', async () => {
    const { dataset, counts } = await load(lastfm, everything);
    expect(counts).toEqual([1_892, 17_632, 92_834]);
    expect((await load(lastfm)).counts).toEqual([1_859, 2_823, 71_355]);
    expect(dataset.attributes.slice(1).every((known) => known?.title !== undefined)).toBe(true);
  });
});

describe.each([
  { file: 'beauty/Beauty.txt', example: beauty, published: [22_363, 12_101, 198_502] },
  { file: 'toys/Toys_and_Games.txt', example: toys, published: [19_412, 11_924, 167_597] },
])('Amazon reviews, $file', ({ file, example, published }) => {
  it.skipIf(isMissing(file))(
    'has the published counts, and each user in the order of their line',
    async () => {
      const { config, dataset, counts } = await load(example);
      expect(counts).toEqual(published);
      const userOf = new Map(dataset.userIds.map((userId, user) => [userId, user]));
      const lines = (await readFile(path.join(publicData, file), 'utf8')).trim().split('\n');
      for (const line of lines) {
        const [userId, ...itemIds] = line.trim().split(' ');
        const user = userOf.get(userId!)!;
        const own = dataset.items.subarray(dataset.offsets[user]!, dataset.offsets[user + 1]!);
        expect(Array.from(own, (item) => dataset.itemIds[item])).toEqual(itemIds);
      }
      const { test } = splitDataset(dataset, config.split, config.seed);
      expect(test.queries.length).toBe(published[0]);
    },
  );
});

describe.skipIf(isMissing('gowalla/train.txt'))('Gowalla, split by its files', () => {
  const lists = (path: string) => ({
    path,
    delimiter: '\t',
    columnNames: ['line'],
    columns: { userId: "split_part(line, ' ', 1)", itemId: "unnest(string_split(line, ' ')[2:])" },
  });
  it('has the published counts', { timeout: 120_000 }, async () => {
    const gowalla = defineConfig({
      name: 'Gowalla',
      data: { events: lists('gowalla/train.txt') },
      split: { kind: 'files', test: lists('gowalla/test.txt') },
    });
    const { config, dataset, counts } = await load(gowalla);
    expect(counts).toEqual([29_858, 40_981, 810_128]);
    if (config.split.kind !== 'files') throw new Error('expected a split by files');
    const test = await loadTestEvents(config.split.test, config.data, dataset, contextIn(publicData));
    expect(test.items.length).toBe(217_242);
    const split = splitDataset(dataset, config.split, config.seed, test);
    expect(split.test.queries.length).toBe(29_858);
    expect(split.test.targets.reduce((sum, targets) => sum + targets.length, 0)).toBe(217_242);
    expect(split.trainAndValidation).toBe(dataset);
  });
});
