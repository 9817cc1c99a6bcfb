import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ListedObject, openStore, type Store, type StoreEnvironment } from '../../batch/store/index.ts';
import { StoreError } from '../../shared/errors.ts';

/** How another process opens the same store. */
export interface StoreAddress {
  readonly address: string;
  readonly environment: StoreEnvironment;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (body: Uint8Array | undefined): string | undefined => body && new TextDecoder().decode(body);
const range = (length: number): number[] => [...Array(length).keys()];

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const listed = async (store: Store, prefix: string): Promise<ListedObject[]> => collect(store.list(prefix));
const keys = async (store: Store, prefix: string): Promise<string[]> =>
  (await listed(store, prefix)).map((object) => object.key);

async function inParallel<T>(inputs: readonly T[], width: number, action: (input: T) => Promise<unknown>) {
  const queue = inputs.values();
  await Promise.all(
    range(width).map(async () => {
      for (const input of queue) await action(input);
    }),
  );
}

const invalidKeys = [
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  '../a',
  'a/../b',
  'a/./b',
  'a\\b',
  'a\0b',
  'a\nb',
  '\ud800',
  'a\uffffb',
  'x'.repeat(256),
  'long/'.repeat(210).concat('x'),
];
// biome-ignore format: a list reads better than a column
const oddNames = [
  ' a b ', '%', '%2F', '%zz', 'a+b&c?d#e', `"'<>`, 'a;b=c@d,e:f', '.hidden', '..x', 'x..', '*', '[x]', '{y}', '~!$^`|',
  'é', 'e\u0301', '日本語', '🚀', 'constructor', '__proto__', 'x'.repeat(255), `${'deep/'.repeat(200)}x`,
];

/**
 * What every store must do. `fresh` gives the address of an empty store that no other test uses.
 */
export function storeConformance(name: string, fresh: () => Promise<StoreAddress>): void {
  const open = async (): Promise<Store> => {
    const { address, environment } = await fresh();
    return openStore(address, { baseDirectory: '/', environment });
  };

  describe(`${name}: reading and writing`, () => {
    it('gives back what was put, with one etag and the right length and time', async () => {
      const store = await open();
      const before = Date.now();
      const etag = await store.put('releases/a/file.bin', bytes('content'));
      expect(etag).toBeTypeOf('string');
      const got = await store.get('releases/a/file.bin');
      expect(text(got?.body)).toBe('content');
      expect(got?.etag).toBe(etag);
      const head = await store.head('releases/a/file.bin');
      expect(head).toMatchObject({ key: 'releases/a/file.bin', bytes: 7, etag });
      // Servers give whole seconds; clocks of file systems tick coarsely.
      expect(Math.abs(head!.lastModified.getTime() - before)).toBeLessThan(10_000);
    });

    it('says undefined where nothing is, also where a key ends at a folder or goes through an object', async () => {
      const store = await open();
      await store.put('folder/object', bytes('x'));
      for (const key of ['none', 'none/at/all', 'folder', 'folder/object/below', 'folder/obj']) {
        expect(await store.get(key), key).toBeUndefined();
        expect(await store.head(key), key).toBeUndefined();
      }
    });

    it('keeps every byte, and an empty object', async () => {
      const store = await open();
      const every = Uint8Array.from({ length: 1_024 }, (_, i) => i % 256);
      const gzipLike = Uint8Array.of(0x1f, 0x8b, 0x08, 0, 0xff, 0xfe, 0x0d, 0x0a, 0x30, 0x0d, 0x0a);
      for (const body of [every, gzipLike, new Uint8Array(0)]) {
        await store.put('binary', body);
        expect(Buffer.from((await store.get('binary'))!.body).equals(body)).toBe(true);
        expect((await store.head('binary'))?.bytes).toBe(body.length);
      }
    });

    it('writes only the view that it is given of a larger buffer', async () => {
      const store = await open();
      await store.put('view', bytes('0123456789').subarray(3, 6));
      expect(text((await store.get('view'))?.body)).toBe('345');
    });

    it('gives a new etag to new content, and overwrites whole', async () => {
      const store = await open();
      const first = await store.put('key', bytes('a long first content'));
      const second = await store.put('key', bytes('short'));
      expect(second).not.toBe(first);
      expect(text((await store.get('key'))?.body)).toBe('short');
      expect(await keys(store, '')).toEqual(['key']);
    });

    it('shows readers the old object or the new one, never a mixture', async () => {
      const store = await open();
      const body = (i: number): Uint8Array => new Uint8Array(100_000 + i * 10_000).fill(i);
      await store.put('key', body(0));
      let writing = true;
      const reader = async (): Promise<void> => {
        while (writing) {
          const read = (await store.get('key'))!.body;
          expect(read.length).toBe(100_000 + read[0]! * 10_000);
          expect(read.every((byte) => byte === read[0])).toBe(true);
        }
      };
      const readers = Promise.all([reader(), reader()]);
      for (const i of range(30)) await store.put('key', body(i + 1));
      writing = false;
      await readers;
    });

    it('holds 50 MB, whole and in part', async () => {
      const store = await open();
      const body = randomBytes(50_000_000);
      const hash = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');
      await store.put('large', body);
      expect(hash((await store.get('large'))!.body)).toBe(hash(body));
      const part = await store.get('large', { offset: 9_999_999, length: 30_000_000 });
      expect(hash(part!.body)).toBe(hash(body.subarray(9_999_999, 39_999_999)));
    });

    it('deletes, an absent key too, and nothing beside it', async () => {
      const store = await open();
      await store.put('a/b/c', bytes('1'));
      await store.put('a/b/d', bytes('2'));
      await Promise.all([
        store.delete('a/b/c'),
        store.delete('a/b/c'),
        store.delete('a/none'),
        store.delete('none'),
      ]);
      await store.delete('a/b');
      expect(await store.get('a/b/c')).toBeUndefined();
      expect(await keys(store, '')).toEqual(['a/b/d']);
      await store.delete('a/b/d');
      expect(await keys(store, '')).toEqual([]);
      // A key that was a folder is free again.
      await store.put('a', bytes('3'));
      expect(text((await store.get('a'))?.body)).toBe('3');
    });
  });

  describe(`${name}: ranges`, () => {
    it.each([
      [{ offset: 0, length: 10 }, '0123456789'],
      [{ offset: 0, length: 1 }, '0'],
      [{ offset: 9, length: 1 }, '9'],
      [{ offset: 3, length: 4 }, '3456'],
      [{ offset: 8, length: 100 }, '89'],
      [{ offset: 10, length: 1 }, ''],
      [{ offset: 1_000, length: 5 }, ''],
      [{ offset: 4, length: 0 }, ''],
    ])('%o', async (part, expected) => {
      const store = await open();
      const etag = await store.put('digits', bytes('0123456789'));
      const got = await store.get('digits', part);
      expect(text(got?.body)).toBe(expected);
      expect(got?.etag).toBe(etag);
      expect(await store.get('absent', part)).toBeUndefined();
    });

    it('of an empty object are empty', async () => {
      const store = await open();
      await store.put('empty', new Uint8Array(0));
      expect((await store.get('empty', { offset: 0, length: 5 }))?.body.length).toBe(0);
    });

    it.each([
      { offset: -1, length: 2 },
      { offset: 0, length: -1 },
      { offset: 0.5, length: 1 },
      { offset: 0, length: Number.NaN },
      { offset: Number.POSITIVE_INFINITY, length: 1 },
    ])('refuses %o', async (part) => {
      const store = await open();
      await store.put('digits', bytes('0123456789'));
      await expect(store.get('digits', part)).rejects.toThrow(/digits.*range/);
    });
  });

  describe(`${name}: conditional writes`, () => {
    it('ifNoneMatch writes where nothing is', async () => {
      const store = await open();
      expect(await store.put('key', bytes('first'), { ifNoneMatch: '*' })).toBeTypeOf('string');
      expect(await store.put('key', bytes('second'), { ifNoneMatch: '*' })).toBeUndefined();
      expect(text((await store.get('key'))?.body)).toBe('first');
      await store.delete('key');
      expect(await store.put('key', bytes('third'), { ifNoneMatch: '*' })).toBeTypeOf('string');
    });

    it('ifMatch writes over the version that it names', async () => {
      const store = await open();
      const first = (await store.put('key', bytes('1')))!;
      const second = (await store.put('key', bytes('2'), { ifMatch: first }))!;
      expect(await store.put('key', bytes('3'), { ifMatch: first })).toBeUndefined();
      expect(text((await store.get('key'))?.body)).toBe('2');
      expect(await store.put('key', bytes('3'), { ifMatch: second })).toBeTypeOf('string');
    });

    it('ifMatch writes nothing where nothing is', async () => {
      const store = await open();
      const etag = (await store.put('key', bytes('1')))!;
      await store.delete('key');
      expect(await store.put('key', bytes('2'), { ifMatch: etag })).toBeUndefined();
      expect(await store.put('other/key', bytes('2'), { ifMatch: etag })).toBeUndefined();
      expect(await keys(store, '')).toEqual([]);
    });

    it('hold for large objects too', async () => {
      const store = await open();
      const body = (fill: number): Uint8Array => new Uint8Array(20_000_000).fill(fill);
      const first = (await store.put('large', body(1), { ifNoneMatch: '*' }))!;
      expect(await store.put('large', body(2), { ifNoneMatch: '*' })).toBeUndefined();
      const second = (await store.put('large', body(3), { ifMatch: first }))!;
      expect(await store.put('large', body(4), { ifMatch: first })).toBeUndefined();
      const found = await store.get('large');
      expect(found?.etag).toBe(second);
      expect(Buffer.from(found!.body).equals(body(3))).toBe(true);
      await store.delete('large');
      expect(await store.put('large', body(5), { ifMatch: second })).toBeUndefined();
      expect(await keys(store, '')).toEqual([]);
    });

    it.each([
      ['ifNoneMatch', false],
      ['ifMatch', true],
    ])('of 32 writers with %s exactly one wins, and what it wrote is there', async (_, isThere) => {
      const { address, environment } = await fresh();
      const stores = range(4).map(() => openStore(address, { baseDirectory: '/', environment }));
      const store = stores[0]!;
      for (const round of range(5)) {
        const key = `round/${round}`;
        const etag = isThere ? await store.put(key, bytes('start')) : undefined;
        const condition = etag === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: etag };
        const etags = await Promise.all(
          range(32).map((i) => stores[i % 4]!.put(key, bytes(`writer ${i}`), condition)),
        );
        const winners = range(32).filter((i) => etags[i] !== undefined);
        expect(winners).toHaveLength(1);
        const found = await store.get(key);
        expect(text(found?.body)).toBe(`writer ${winners[0]}`);
        expect(found?.etag).toBe(etags[winners[0]!]);
      }
    });

    it('loses no update of processes that count up together', async () => {
      const { address, environment } = await fresh();
      const store = openStore(address, { baseDirectory: '/', environment });
      await store.put('counter', bytes('0'));
      const script = path.resolve(import.meta.dirname, '../fixtures/count-up.ts');
      const counting = range(3).map(() => {
        const child = spawn(process.execPath, [script, address, 'counter', '25'], {
          env: { ...process.env, ...environment },
          stdio: ['ignore', 'inherit', 'inherit'],
        });
        return new Promise((resolve) => child.once('close', resolve));
      });
      expect(await Promise.all(counting)).toEqual([0, 0, 0]);
      expect(text((await store.get('counter'))?.body)).toBe('75');
    });
  });

  describe(`${name}: listing`, () => {
    it('lists more than a thousand keys, each once, in order', async () => {
      const store = await open();
      const expected = range(1_005).map((i) => `page/${String(i).padStart(5, '0')}`);
      await inParallel(expected.toReversed(), 16, (key) => store.put(key, bytes(key)));
      await store.put('pagf', bytes('not below'));
      const found = await listed(store, 'page/');
      expect(found.map((object) => object.key)).toEqual(expected);
      expect(new Set(found.map((object) => object.bytes))).toEqual(new Set([10]));
    });

    it('by any prefix, in the order of the keys as bytes', async () => {
      const store = await open();
      const all = [
        'a',
        'a!',
        'a-b',
        'a.b',
        'ab/c/d',
        'ab/c/e',
        'ab/cd',
        'abc',
        'b/a/x',
        'b/a-x',
        'B',
        'é',
        'ﬁ',
        '🚀',
      ];
      for (const key of all) await store.put(key, bytes('x'));
      const inOrder = all.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      for (const prefix of [
        '',
        'a',
        'ab',
        'ab/',
        'ab/c',
        'ab/c/',
        'ab/c/d',
        'b/',
        'b/a',
        'b/a/',
        'z',
        'ab/z/',
        'é',
        'A',
      ])
        expect(await keys(store, prefix), prefix).toEqual(inOrder.filter((key) => key.startsWith(prefix)));
    });

    it('an empty store as nothing', async () => {
      const store = await open();
      expect(await keys(store, '')).toEqual([]);
      expect(await keys(store, 'releases/')).toEqual([]);
    });

    it('can be stopped early', async () => {
      const store = await open();
      for (const key of ['a', 'b', 'c']) await store.put(key, bytes(key));
      for await (const object of store.list('')) {
        expect(object.key).toBe('a');
        break;
      }
    });
  });

  describe(`${name}: keys`, () => {
    it('takes every valid one, however odd', async () => {
      const store = await open();
      for (const odd of oddNames) {
        const key = `odd/${odd}`;
        await store.put(key, bytes(odd));
        expect(text((await store.get(key))?.body), key).toBe(odd);
        expect(await keys(store, key), key).toContain(key);
      }
      expect((await keys(store, 'odd/')).toSorted()).toEqual(oddNames.map((odd) => `odd/${odd}`).toSorted());
      for (const odd of oddNames) await store.delete(`odd/${odd}`);
      expect(await keys(store, '')).toEqual([]);
    });

    it.each(invalidKeys.map((key) => [JSON.stringify(key).slice(0, 20), key]))(
      'refuses %s everywhere',
      async (_, key) => {
        const store = await open();
        const refusal = expect.objectContaining({
          name: 'StoreError',
          message: expect.stringContaining('invalid key'),
        });
        await expect(store.get(key)).rejects.toEqual(refusal);
        await expect(store.head(key)).rejects.toEqual(refusal);
        await expect(store.put(key, bytes('x'))).rejects.toEqual(refusal);
        await expect(store.delete(key)).rejects.toEqual(refusal);
        expect(await keys(store, '')).toEqual([]);
      },
    );

    it('refuses a key that is the folder of another, and keeps what is there', async () => {
      const store = await open();
      await store.put('a/b', bytes('inner'));
      await store.put('c', bytes('outer'));
      for (const key of ['a', 'c/d', 'c/d/e']) {
        const writing = store.put(key, bytes('x'));
        await expect(writing, key).rejects.toBeInstanceOf(StoreError);
        await expect(writing, key).rejects.toThrow(store.description);
      }
      expect(text((await store.get('a/b'))?.body)).toBe('inner');
      expect(text((await store.get('c'))?.body)).toBe('outer');
      expect(await keys(store, '')).toEqual(['a/b', 'c']);
    });
  });

  it(`${name}: does what a map of keys does, whatever the calls`, async () => {
    const key = fc.constantFrom('a', 'b/c', 'b/d', 'b/e/f', 'g');
    const call = fc.oneof(
      fc.record({ call: fc.constant('put' as const), key, body: fc.uint8Array({ maxLength: 40 }) }),
      fc.record({ call: fc.constant('create' as const), key, body: fc.uint8Array({ maxLength: 40 }) }),
      fc.record({ call: fc.constant('replace' as const), key, body: fc.uint8Array({ maxLength: 40 }) }),
      fc.record({ call: fc.constant('delete' as const), key }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 12 }), async (calls) => {
        const store = await open();
        const model = new Map<string, Uint8Array>();
        for (const made of calls) {
          if (made.call === 'delete') {
            await store.delete(made.key);
            model.delete(made.key);
            continue;
          }
          const etag = (await store.head(made.key))?.etag ?? 'none';
          const condition = {
            put: undefined,
            create: { ifNoneMatch: '*' },
            replace: { ifMatch: etag },
          } as const;
          const expected = made.call === 'put' || model.has(made.key) === (made.call === 'replace');
          expect((await store.put(made.key, made.body, condition[made.call])) !== undefined).toBe(expected);
          if (expected) model.set(made.key, made.body);
        }
        expect(await keys(store, '')).toEqual([...model.keys()].sort());
        for (const [present, body] of model)
          expect(Buffer.from((await store.get(present))!.body).equals(body)).toBe(true);
      }),
      { numRuns: 25, seed: 5 },
    );
  });
}
