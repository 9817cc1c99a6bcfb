import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fetchObjects } from '../../../batch/data/fetch-objects.ts';
import type { SourceContext } from '../../../batch/data/source.ts';
import { openStore, type Store } from '../../../batch/store/index.ts';
import { openS3 } from '../../../batch/store/s3.ts';
import { parseS3Address } from '../../../batch/store/s3-client.ts';
import { StoreError } from '../../../shared/errors.ts';
import { startFaultyProxy } from '../../fixtures/faulty-proxy.ts';
import { eventsOf, folderOf, ingest } from '../../fixtures/sources.ts';
import { findVersitygw, startVersitygw } from '../../fixtures/versitygw.ts';

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

  it('copies nothing that the disk has no room for', async () => {
    await using folder = await folderOf({});
    const get = vi.fn();
    const openBucket = () => ({
      get,
      async *list() {
        yield { key: 'huge.csv', bytes: 2 ** 52, lastModified: new Date() };
      },
    });
    const { signal } = new AbortController();
    await expect(fetchObjects('s3://shop/*.csv', folder.folder, { openBucket, signal })).rejects.toThrow(
      /^s3:\/\/shop\/\*\.csv: its 4,503,599,628 MB do not fit into the scratch folder, where .* are free/,
    );
    expect(get).not.toHaveBeenCalled();
    expect(readdirSync(folder.folder)).toEqual([]);
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

const { executable, reason } = await findVersitygw();

/** A store that knows how many bytes were asked for and not yet given, at most. */
function measured(store: Store): Store & { readonly peak: () => number } {
  let pending = 0;
  let peak = 0;
  return {
    ...store,
    peak: () => peak,
    get: async (key, range) => {
      pending += range?.length ?? Number.POSITIVE_INFINITY;
      peak = Math.max(peak, pending);
      const found = await store.get(key, range);
      pending -= range?.length ?? 0;
      return found;
    },
  };
}

describe.skipIf(executable === undefined)(`sources in real S3${reason ? ` (${reason})` : ''}`, () => {
  const body = Buffer.from(`u,i,t,note\n${`a,x,1,${'n'.repeat(993)}\n`.repeat(120_000)}`);

  it('arrive whole over a bad connection, in bounded memory, and replaced ones are refused', async () => {
    await using server = await startVersitygw(executable!);
    await using proxy = await startFaultyProxy(server.port);
    await using target = await folderOf({});
    const address = parseS3Address(`s3://${server.bucket}`);
    const direct = openS3(address, server.environment);
    const environment = { ...server.environment, AWS_ENDPOINT_URL: proxy.url };
    const store = measured(openS3(address, environment, { idleTimeout: 1_000 }));
    const { signal } = new AbortController();
    const context = { openBucket: () => store, signal };
    await direct.put('events/1.csv', body);
    await direct.put('events/2.csv', Buffer.from('u,i,t,note\n'));

    const slowDown = { status: 503, code: 'SlowDown' };
    proxy.faults.push(undefined, 'cut', 'refuse', 'hang', slowDown, 'lose', 'cut');
    const files = await fetchObjects(`s3://${server.bucket}/events/*.csv`, target.folder, context);
    expect(proxy.faults).toEqual([]);
    expect(files.map((file) => readFileSync(file).equals(body))).toEqual([true, false]);
    expect(readFileSync(files[1]!, 'utf8')).toBe('u,i,t,note\n');
    expect(store.peak()).toBe(4 * 16 * 1024 * 1024);

    let parts = 0;
    const replacing: Store = {
      ...store,
      get: async (...args) => {
        if (++parts === 5) await direct.put('events/1.csv', body.subarray(1));
        return store.get(...args);
      },
    };
    await expect(
      fetchObjects(`s3://${server.bucket}/events/1.csv`, target.folder, {
        openBucket: () => replacing,
        signal,
      }),
    ).rejects.toThrow(`s3://${server.bucket}/events/1.csv changed while it was read`);
    await server[Symbol.asyncDispose]();
    const fetching = fetchObjects(`s3://${server.bucket}/events/1.csv`, target.folder, context);
    await expect(fetching).rejects.toBeInstanceOf(StoreError);
  });
});
