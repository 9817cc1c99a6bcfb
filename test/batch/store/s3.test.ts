import os from 'node:os';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openStore, type Store } from '../../../batch/store/index.ts';
import { openS3 } from '../../../batch/store/s3.ts';
import { createClient, parseS3Address } from '../../../batch/store/s3-client.ts';
import { ConfigError, StoreError } from '../../../shared/errors.ts';
import { type Fault, type FaultyProxy, startFaultyProxy } from '../../fixtures/faulty-proxy.ts';
import { findVersitygw, type S3Server, secretKey, startVersitygw } from '../../fixtures/versitygw.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (body: Uint8Array | undefined): string | undefined => body && new TextDecoder().decode(body);

const sessionToken = 'a-token-that-no-message-may-hold';

const { executable, reason } = await findVersitygw();

describe.skipIf(executable === undefined)(
  `an S3 store whose connection fails${reason ? ` (${reason})` : ''}`,
  () => {
    let server: S3Server;
    let proxy: FaultyProxy;
    let direct: Store;
    let store: Store;
    let opened = 0;

    beforeAll(async () => {
      server = await startVersitygw(executable!);
    });
    afterAll(() => server[Symbol.asyncDispose]());
    beforeEach(async () => {
      proxy = await startFaultyProxy(server.port);
      const address = parseS3Address(`s3://${server.bucket}/faults/${opened++}`);
      direct = openS3(address, server.environment);
      store = openS3(address, { ...server.environment, AWS_ENDPOINT_URL: proxy.url }, { idleTimeout: 300 });
    });
    afterEach(() => proxy[Symbol.asyncDispose]());

    const passing: Fault[] = [
      'refuse',
      'lose',
      { status: 503, code: 'SlowDown' },
      { status: 500, code: 'InternalError' },
    ];
    const large = new Uint8Array(300_000).fill(7);

    it.each([...passing, 'stall' as const].map((fault) => [JSON.stringify(fault), fault] as const))(
      'goes on after %s',
      async (_, fault) => {
        proxy.faults.push(fault);
        expect(await store.put('key', bytes('content'))).toBeTypeOf('string');
        proxy.faults.push(fault);
        expect(text((await store.get('key'))?.body)).toBe('content');
        proxy.faults.push(fault);
        expect((await store.head('key'))?.bytes).toBe(7);
        proxy.faults.push(fault);
        for await (const { key } of store.list('')) expect(key).toBe('key');
        proxy.faults.push(fault);
        await store.delete('key');
        expect(await direct.get('key')).toBeUndefined();
        expect(proxy.faults).toEqual([]);
      },
    );

    it.each(['cut', 'corrupt'] as const)('starts a download again whose body was %s', async (fault) => {
      await direct.put('key', large);
      proxy.faults.push(fault, fault);
      expect(Buffer.from((await store.get('key'))!.body).equals(large)).toBe(true);
      expect(proxy.seen).toHaveLength(3);
    });

    it.each(['cut', 'corrupt'] as const)('gives up a download whose body is %s every time', async (fault) => {
      await direct.put('key', large);
      proxy.faults.push(...Array<Fault>(50).fill(fault));
      await expect(store.get('key')).rejects.toBeInstanceOf(StoreError);
      expect(proxy.seen.length).toBeLessThan(20);
    });

    describe('a conditional write whose answer was lost', () => {
      it('knows that it won', async () => {
        proxy.faults.push('lose');
        const etag = await store.put('key', bytes('mine'), { ifNoneMatch: '*' });
        expect(etag).toBe((await direct.head('key'))?.etag);
        expect(text((await direct.get('key'))?.body)).toBe('mine');

        proxy.faults.push('lose');
        const next = await store.put('key', bytes('mine too'), { ifMatch: etag! });
        expect(next).toBe((await direct.head('key'))?.etag);
        expect(proxy.faults).toEqual([]);
      });

      it('knows that it lost', async () => {
        await direct.put('key', bytes('theirs'));
        proxy.faults.push('lose');
        expect(await store.put('key', bytes('mine'), { ifNoneMatch: '*' })).toBeUndefined();
        expect(text((await direct.get('key'))?.body)).toBe('theirs');
      });
    });

    it('repeats a conditional write that met another, and says lost only when it is', async () => {
      proxy.faults.push({ status: 409, code: 'ConditionalRequestConflict' });
      expect(await store.put('key', bytes('1'), { ifNoneMatch: '*' })).toBeTypeOf('string');
      proxy.faults.push(...Array<Fault>(50).fill({ status: 409, code: 'ConditionalRequestConflict' }));
      expect(await store.put('other', bytes('2'), { ifNoneMatch: '*' })).toBeUndefined();
    });

    it('ends with what it could not do, and why, when the server stays away', async () => {
      proxy.faults.push(...Array<Fault>(50).fill('stall'));
      const error: unknown = await store
        .put('channels/production.json', bytes('x'))
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StoreError);
      expect((error as Error).message).toBe(
        `${store.description}: cannot write 1 bytes to 'channels/production.json': the server did not answer in time`,
      );
      expect((error as Error).cause).toBeInstanceOf(Error);
    });

    it.each<[string, Record<string, string>, RegExp]>([
      ['a wrong secret', { AWS_SECRET_ACCESS_KEY: `${secretKey}-not` }, /SignatureDoesNotMatch/],
      ['an unknown key', { AWS_ACCESS_KEY_ID: 'nobody' }, /XAdminUserNotFound/],
      ['an unknown session', { AWS_SESSION_TOKEN: sessionToken }, /InvalidToken/],
      ['no server', { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }, /ECONNREFUSED/],
    ])('%s is a StoreError without secrets', async (_, environment, message) => {
      const wrong = openStore(`s3://${server.bucket}`, {
        baseDirectory: '/',
        environment: { ...server.environment, ...environment },
      });
      const calls = [
        () => wrong.get('key'),
        () => wrong.put('key', bytes('x')),
        () => wrong.delete('key'),
        () => wrong.list('')[Symbol.asyncIterator]().next(),
      ];
      for (const call of calls) {
        const error: unknown = await call().catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(StoreError);
        expect((error as Error).message).toMatch(message);
        expect((error as Error).message).toContain(`s3://${server.bucket}`);
        expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(secretKey);
        expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(sessionToken);
      }
    });

    it('keeps out of errors what a server echoes of the request', async () => {
      proxy.faults.push({ status: 403, code: 'SignatureDoesNotMatch' });
      const environment = {
        ...server.environment,
        AWS_ENDPOINT_URL: proxy.url,
        AWS_SESSION_TOKEN: sessionToken,
      };
      const signed = openStore(`s3://${server.bucket}`, { baseDirectory: '/', environment });
      const error: unknown = await signed.get('key').catch((thrown: unknown) => thrown);
      expect((error as Error).message).toContain('SignatureDoesNotMatch');
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(sessionToken);
    });

    it('says that the bucket is missing', async () => {
      const missing = openStore('s3://no-such-bucket/below', {
        baseDirectory: '/',
        environment: server.environment,
      });
      await expect(missing.get('key')).rejects.toThrow(
        "s3://no-such-bucket/below: cannot read 'key': there is no such bucket",
      );
      await expect(missing.put('key', bytes('x'), { ifMatch: '"1"' })).rejects.toThrow(
        'there is no such bucket',
      );
      await expect(missing.list('')[Symbol.asyncIterator]().next()).rejects.toThrow(
        'there is no such bucket',
      );
    });

    it('keeps to its prefix, also beside one that begins alike', async () => {
      const open = (address: string): Store =>
        openStore(address, { baseDirectory: '/', environment: server.environment });
      const inner = open(`s3://${server.bucket}/shop`);
      await inner.put('a', bytes('1'));
      await open(`s3://${server.bucket}/shop-2`).put('b', bytes('2'));
      const found: string[] = [];
      for await (const { key } of inner.list('')) found.push(key);
      expect(found).toEqual(['a']);
      expect(text((await open(`s3://${server.bucket}`).get('shop/a'))?.body)).toBe('1');
      expect(text((await open(`s3://${server.bucket}/shop/`).get('a'))?.body)).toBe('1');
    });
  },
);

describe('an s3 address', () => {
  it.each([
    ['s3://bucket', 'bucket', ''],
    ['s3://bucket/', 'bucket', ''],
    ['s3://my.bucket-1/a/b', 'my.bucket-1', 'a/b/'],
    ['s3://bucket/a/', 'bucket', 'a/'],
  ])('%s', (address, bucket, prefix) => {
    expect(parseS3Address(address)).toEqual({ bucket, prefix });
  });

  it.each([
    's3://',
    's3:///a',
    's3://Bucket',
    's3://b',
    's3://bucket//',
    's3://bucket//a',
    's3://bucket/a//b',
    's3://user:secret@bucket',
  ])('is refused: %s', (address) => {
    expect(() => parseS3Address(address)).toThrow(ConfigError);
  });
});

describe('a client takes from the environment', () => {
  const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: secretKey };

  it('the endpoint, addressed by path, the region and the credentials', async () => {
    const environment = {
      ...keys,
      AWS_ENDPOINT_URL: 'https://minio.example',
      AWS_REGION: 'auto',
      AWS_SESSION_TOKEN: 'token',
    };
    const { config } = createClient(environment, 1_000);
    expect(config.forcePathStyle).toBe(true);
    expect(await config.region()).toBe('auto');
    expect((await config.endpoint!()).hostname).toBe('minio.example');
    expect(await config.credentials()).toMatchObject({
      accessKeyId: 'id',
      secretAccessKey: secretKey,
      sessionToken: 'token',
    });
  });

  it('the endpoint of S3 alone before the one of all services', async () => {
    const environment = {
      ...keys,
      AWS_ENDPOINT_URL: 'https://all.example',
      AWS_ENDPOINT_URL_S3: 'https://s3.example',
    };
    expect((await createClient(environment, 1_000).config.endpoint!()).hostname).toBe('s3.example');
  });

  it('a region for endpoints that need none', async () => {
    expect(
      await createClient({ ...keys, AWS_ENDPOINT_URL: 'https://x.example' }, 1_000).config.region(),
    ).toBe('us-east-1');
    expect(await createClient({ ...keys, AWS_DEFAULT_REGION: 'eu-west-1' }, 1_000).config.region()).toBe(
      'eu-west-1',
    );
  });

  it('no region for S3 itself, and the store says which variable names it', async () => {
    for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE']) vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_CONFIG_FILE', os.devNull);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const store = openStore('s3://bucket', { baseDirectory: '/', environment: keys });
    await expect(store.get('key')).rejects.toThrow(
      "s3://bucket: cannot read 'key': no region: set AWS_REGION",
    );
  });

  it.each(['minio.example', 'ftp://minio.example', `nonsense://user:${secretKey}@host`])(
    'no endpoint such as %s',
    (endpoint) => {
      expect(() => createClient({ ...keys, AWS_ENDPOINT_URL: endpoint }, 1_000)).toThrow(
        /^AWS_ENDPOINT_URL: expected http/,
      );
      expect(() => createClient({ ...keys, AWS_ENDPOINT_URL: endpoint }, 1_000)).not.toThrow(secretKey);
    },
  );
});
