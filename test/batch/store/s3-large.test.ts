import { randomBytes } from 'node:crypto';
import { HeadObjectCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../../batch/store/index.ts';
import { openS3 } from '../../../batch/store/s3.ts';
import { createClient, parseS3Address } from '../../../batch/store/s3-client.ts';
import { StoreError } from '../../../shared/errors.ts';
import { type Fault, type FaultyProxy, startFaultyProxy } from '../../fixtures/faulty-proxy.ts';
import { findVersitygw, type S3Server, startVersitygw } from '../../fixtures/versitygw.ts';

const { executable, reason } = await findVersitygw();

/** The smallest that S3 allows. */
const partBytes = 5 * 1024 * 1024;
const large = randomBytes(2 * partBytes + 1_000);
const other = randomBytes(3 * partBytes);
const same = (found: { readonly body: Uint8Array } | undefined, body: Uint8Array): boolean =>
  found !== undefined && Buffer.compare(found.body, body) === 0;
const slowDown: Fault = { status: 503, code: 'SlowDown' };
const failure: Fault = { status: 500, code: 'InternalError' };

describe.skipIf(executable === undefined)(`large objects in S3${reason ? ` (${reason})` : ''}`, () => {
  let server: S3Server;
  let proxy: FaultyProxy;
  let direct: Store;
  let store: Store;
  let prefix: string;
  let opened = 0;
  /** Runs ahead of each request that passes through the proxy. */
  let meanwhile: (request: string) => Fault | undefined;

  beforeAll(async () => {
    server = await startVersitygw(executable!);
  });
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    meanwhile = () => undefined;
    proxy = await startFaultyProxy(server.port, ({ method, url }) => meanwhile(`${method} ${url}`));
    prefix = `large/${opened++}/`;
    const address = parseS3Address(`s3://${server.bucket}/${prefix}`);
    direct = openS3(address, server.environment, { partBytes });
    const environment = { ...server.environment, AWS_ENDPOINT_URL: proxy.url };
    store = openS3(address, environment, { idleTimeout: 500, partBytes });
  });
  afterEach(() => proxy[Symbol.asyncDispose]());

  const openUploads = async (): Promise<number> => {
    const client = createClient(server.environment, 5_000);
    const { Uploads = [] } = await client.send(
      new ListMultipartUploadsCommand({ Bucket: server.bucket, Prefix: prefix }),
    );
    return Uploads.length;
  };
  const seen = (pattern: RegExp): string[] => proxy.seen.filter((request) => pattern.test(request));

  it('are sent in parts and read as ranges', async () => {
    const etag = await store.put('key', large);
    expect(seen(/^PUT .*partNumber=[123]&/)).toHaveLength(3);
    proxy.seen.length = 0;
    const found = await store.get('key');
    expect(found?.etag).toBe(etag);
    expect(same(found, large)).toBe(true);
    expect(seen(/^GET .* bytes=/).map((request) => request.split(' ')[2])).toEqual([
      'bytes=0-5242879',
      'bytes=5242880-10485759',
      'bytes=10485760-10486759',
    ]);
    expect(await openUploads()).toBe(0);
  });

  it('keep their type, and at the size of one part are one request', async () => {
    await store.put('large.json', large);
    const client = createClient(server.environment, 5_000);
    const key = { Bucket: server.bucket, Key: `${prefix}large.json` };
    expect((await client.send(new HeadObjectCommand(key))).ContentType).toBe('application/json');
    proxy.seen.length = 0;
    await store.put('small', large.subarray(0, partBytes));
    await store.get('small');
    expect(proxy.seen).toHaveLength(2);
  });

  it.each([
    ['the beginning', /^POST .*uploads/],
    ['a part', /^PUT .*partNumber=2&/],
  ])('that are interrupted at %s end at once and leave no part', async (_, pattern) => {
    const controller = new AbortController();
    meanwhile = (request) => {
      if (!pattern.test(request)) return undefined;
      controller.abort(new DOMException('interrupted', 'AbortError'));
      return request.startsWith('PUT') ? 'stall' : undefined;
    };
    await expect(store.put('key', large, undefined, controller.signal)).rejects.toThrow(StoreError);
    // Nothing is tried again: neither a part nor the whole.
    expect(seen(/^POST .*uploads/)).toHaveLength(1);
    expect(seen(/partNumber=2&/).length).toBeLessThanOrEqual(1);
    expect(await openUploads()).toBe(0);
    expect(await direct.head('key')).toBeUndefined();
  });

  const harms: Fault[] = ['refuse', 'lose', 'garble', 'stall', slowDown, failure];
  it.each(harms.map((fault) => [JSON.stringify(fault), fault] as const))(
    'are written despite %s at each request',
    async (_, fault) => {
      // Every request fails the first time: the upload's beginning, each part, its end.
      const known = new Set<string>();
      meanwhile = (request) => {
        const kind = request.replace(/uploadId=[^&]*/, '');
        if (known.has(kind)) return undefined;
        known.add(kind);
        return fault;
      };
      const etag = await store.put('key', large);
      expect(known.size).toBeGreaterThanOrEqual(5);
      const found = await direct.get('key');
      expect(found?.etag).toBe(etag);
      expect(same(found, large)).toBe(true);
      // An upload that began unheard stays open, without parts.
      expect(await openUploads()).toBe(fault === 'lose' ? 1 : 0);
    },
  );

  it.each(['cut', 'hang'] as const)('go on in the middle after %s', async (fault) => {
    await direct.put('key', large);
    proxy.faults.push(undefined, fault, fault, fault);
    expect(same(await store.get('key'), large)).toBe(true);
    expect(proxy.happened.get(fault)).toBe(3);
    // Sent once: what had arrived before the break is not asked for again, but for what was left on the way.
    expect(seen(/bytes=0-/)).toHaveLength(1);
    expect(seen(/bytes=2621440-5242879/)).toHaveLength(1);
  });

  it('a range goes on in the middle, too', async () => {
    await direct.put('key', large);
    proxy.faults.push('cut', 'cut');
    const found = await store.get('key', { offset: 100, length: 4_000_000 });
    expect(same(found, large.subarray(100, 4_000_100))).toBe(true);
    expect(proxy.seen.map((request) => request.split('=').at(-1))).toEqual([
      '100-4000099',
      '2000100-4000099',
      '3000100-4000099',
    ]);
  });

  it('of which a bit was flipped on the way are read again, and refused when that goes on', async () => {
    await direct.put('key', large);
    proxy.faults.push(undefined, 'corrupt');
    expect(same(await store.get('key'), large)).toBe(true);
    meanwhile = (request) => (request.startsWith('GET') ? 'corrupt' : undefined);
    await expect(store.get('key')).rejects.toThrow(/cannot read 'key': .*Checksum mismatch/);
  });

  it('that are replaced while they are read come whole, as they are now', async () => {
    await direct.put('key', large);
    let gets = 0;
    let replaced: Promise<unknown> | undefined;
    meanwhile = () => {
      if (++gets !== 2) return undefined;
      replaced = direct.put('key', other);
      return 'stall';
    };
    const found = await store.get('key');
    await replaced;
    expect(same(found, other)).toBe(true);
    expect(found?.etag).toBe((await direct.head('key'))?.etag);
  });

  it('that fail leave the old object, no part and no upload', async () => {
    await direct.put('key', other);
    meanwhile = (request) => (/^PUT .*partNumber=2/.test(request) ? failure : undefined);
    const writing = store.put('key', large);
    await expect(writing).rejects.toBeInstanceOf(StoreError);
    await expect(writing).rejects.toThrow(/cannot write 10486760 bytes to 'key': InternalError/);
    expect(same(await direct.get('key'), other)).toBe(true);
    expect(await openUploads()).toBe(0);
  });

  it('that fail and cannot be taken back say what is left', async () => {
    meanwhile = (request) => (/^DELETE|^PUT .*partNumber=2/.test(request) ? failure : undefined);
    await expect(store.put('key', large)).rejects.toThrow(
      /InternalError.*parts of it may stay stored until the multipart upload \S+ is aborted: InternalError/,
    );
    expect(await direct.get('key')).toBeUndefined();
    expect(await openUploads()).toBe(1);
  });

  it('show nothing before their last part is there', async () => {
    const sizes = new Set<number | undefined>();
    const looking: Promise<unknown>[] = [];
    meanwhile = () => {
      looking.push(direct.head('key').then((found) => sizes.add(found?.bytes)));
      return undefined;
    };
    await store.put('key', large);
    await Promise.all(looking);
    expect(looking.length).toBeGreaterThanOrEqual(5);
    sizes.delete(large.length);
    expect([...sizes]).toEqual([undefined]);
  });

  describe('whose last answer was lost', () => {
    const loseEnd = (): void => {
      let lost = false;
      meanwhile = (request) => {
        if (lost || !/^POST .*uploadId=/.test(request)) return undefined;
        lost = true;
        return 'lose';
      };
    };

    it('know that they won', async () => {
      loseEnd();
      const etag = await store.put('key', large, { ifNoneMatch: '*' });
      expect(etag).toBe((await direct.head('key'))?.etag);
      loseEnd();
      const next = await store.put('key', other, { ifMatch: etag! });
      expect(next).toBe((await direct.head('key'))?.etag);
      expect(same(await direct.get('key'), other)).toBe(true);
      expect(proxy.happened.get('lose')).toBe(2);
    });

    it('know that they lost', async () => {
      await direct.put('key', other);
      loseEnd();
      expect(await store.put('key', large, { ifNoneMatch: '*' })).toBeUndefined();
      expect(same(await direct.get('key'), other)).toBe(true);
      expect(await openUploads()).toBe(0);
    });
  });

  it('are begun anew when their upload is taken away', async () => {
    let removed = false;
    meanwhile = (request) => {
      if (removed || !/^PUT .*partNumber=3/.test(request)) return undefined;
      removed = true;
      return { status: 404, code: 'NoSuchUpload' };
    };
    await store.put('key', large);
    expect(seen(/^POST .*uploads/)).toHaveLength(2);
    expect(same(await direct.get('key'), large)).toBe(true);
    expect(await openUploads()).toBe(0);
  });
});
