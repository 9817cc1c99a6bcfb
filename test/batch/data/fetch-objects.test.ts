import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { SourceContext } from '../../../batch/data/source.ts';
import { openStore } from '../../../batch/store/index.ts';
import { eventsOf, folderOf, ingest } from '../../fixtures/sources.ts';

const columns = { userId: 'u', itemId: 'i', time: 't' };
const data = (pattern: string) => ({ events: { path: pattern, columns } });

/** `s3://bucket` is a directory store here; the S3 store's own conformance is tested elsewhere. */
const bucketIn =
  (folder: string): NonNullable<SourceContext['openBucket']> =>
  (address) =>
    openStore(address.replace('s3://', './'), { baseDirectory: folder, environment: {} });

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('sources in object storage', () => {
  it('reads the objects that a pattern names, in key order', async () => {
    await using bucket = await folderOf({
      'shop/events/2.csv': 'u,i,t\na,y,5\n',
      'shop/events/1.csv': 'u,i,t\na,x,5\n',
      'shop/events/notes.txt': 'no events',
      'shop/eventsold/0.csv': 'u,i,t\na,old,5\n',
    });
    const { dataset } = await ingest({}, data('s3://shop/events/*.csv'), {
      openBucket: bucketIn(bucket.folder),
    });
    expect(eventsOf(dataset)).toEqual({ a: ['x@5', 'y@5'] });
  });

  it('copies large objects in parts, whole', async () => {
    const padding = 'x'.repeat(1_000_000);
    const rows = Array.from({ length: 40 }, (_, n) => `a,i${n},${n + 1},${padding}`);
    await using bucket = await folderOf({ 'shop/big.csv': `u,i,t,note\n${rows.join('\n')}\n` });
    const { dataset } = await ingest({}, data('s3://shop/big.csv'), {
      openBucket: bucketIn(bucket.folder),
    });
    expect(eventsOf(dataset)).toEqual({ a: rows.map((_, n) => `i${n}@${n + 1}`) });
  });

  it('says when there is no such object, and when one changes while it is read', async () => {
    await using bucket = await folderOf({ 'shop/1.csv': 'u,i,t\n' });
    const openBucket = bucketIn(bucket.folder);
    await expect(ingest({}, data('s3://shop/2.csv'), { openBucket })).rejects.toThrow(
      's3://shop/2.csv: no such object',
    );
    const vanishing: typeof openBucket = (address) => ({
      ...openBucket(address),
      list: openBucket(address).list,
      get: async () => undefined,
    });
    await expect(ingest({}, data('s3://shop/1.csv'), { openBucket: vanishing })).rejects.toThrow(
      's3://shop/1.csv changed while it was read',
    );
  });

  it('leaves no copy behind, whether it succeeds or fails', async () => {
    await using bucket = await folderOf({ 'shop/1.csv': 'u,i,t\na,x,1\n' });
    await using scratch = await folderOf({});
    vi.stubEnv('TMPDIR', scratch.folder);
    const openBucket = bucketIn(bucket.folder);
    const seen: string[][] = [];
    const progress = (): void => {
      seen.push(readdirSync(scratch.folder, { recursive: true, encoding: 'utf8' }));
    };
    const loaded = await ingest({}, data('s3://shop/*.csv'), { openBucket, progress });
    expect(loaded.dataset.items).toHaveLength(1);
    expect(seen.flat().some((file) => file.endsWith('-1.csv'))).toBe(true);
    await expect(ingest({}, data('s3://shop/2.csv'), { openBucket })).rejects.toThrow('no such object');
    expect(readdirSync(scratch.folder)).toEqual([]);
  });
});
