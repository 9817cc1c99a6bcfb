import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore, type Store } from '../../../batch/store/index.ts';
import { withLock } from '../../../batch/store/lock.ts';
import { ConfigError, StoreError } from '../../../shared/errors.ts';
import { startChild } from '../../fixtures/child.ts';

const fixtures = path.resolve(import.meta.dirname, '../../fixtures');
const writer = path.join(fixtures, 'store-writer.ts');
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (body: Uint8Array | undefined): string | undefined => body && new TextDecoder().decode(body);
const open = (address: string): Store => openStore(address, { baseDirectory: '/', environment: {} });

async function keys(store: Store): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list('')) found.push(key);
  return found;
}

let folder = '';
let root = '';
let store: Store;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'perigee-directory-'));
  root = path.join(folder, 'store');
  store = open(root);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const temporaryFiles = (): Promise<string[]> => readdir(path.join(root, '.store/temporary'));

describe('a directory store', () => {
  it('is created by its first write, not by reading', async () => {
    expect(await store.get('a')).toBeUndefined();
    await store.delete('a');
    expect(await keys(store)).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
    await store.put('a/b', bytes('x'));
    expect(await readFile(path.join(root, 'a/b'), 'utf8')).toBe('x');
  });

  it('keeps nothing of its own among the keys, and leaves no temporary file or empty folder', async () => {
    await store.put('a/b/c', bytes('x'));
    await store.put('a/b/c', bytes('y'), { ifNoneMatch: '*' });
    expect(await keys(store)).toEqual(['a/b/c']);
    expect(await temporaryFiles()).toEqual([]);
    await store.delete('a/b/c');
    expect((await readdir(root)).filter((name) => name !== '.store')).toEqual([]);
    for (const key of ['.store', '.store/lock', '.store/temporary/x'])
      await expect(store.put(key, bytes('x')), key).rejects.toThrow(/own folder/);
    await expect(store.get('.store/lock')).rejects.toThrow(/own folder/);
    await store.put('a/.store/fine', bytes('x'));
    expect(await keys(store)).toEqual(['a/.store/fine']);
  });

  it('says nothing of its own on the terminal', async () => {
    const counter = startChild(path.join(fixtures, 'count-up.ts'), [root, 'counter', '2']);
    await store.put('counter', bytes('0'));
    expect(await counter.ended).toBe(0);
    expect(counter.output()).toBe('');
  });
});

describe('files that another program put there', () => {
  beforeEach(async () => {
    await mkdir(path.join(root, 'a'), { recursive: true });
    await writeFile(path.join(root, 'a/b'), 'theirs');
  });

  it('are objects like any other', async () => {
    expect(await keys(store)).toEqual(['a/b']);
    const { etag } = (await store.head('a/b'))!;
    expect(await store.put('a/b', bytes('ours'), { ifNoneMatch: '*' })).toBeUndefined();
    expect(await store.put('a/b', bytes('ours'), { ifMatch: etag })).toBeTypeOf('string');
  });

  it('can be deleted before anything was written', async () => {
    await store.delete('a/b');
    expect(await keys(store)).toEqual([]);
  });

  it('have another etag once changed in place, though length and time are as before', async () => {
    const file = path.join(root, 'a/b');
    const time = new Date('2026-01-01T00:00:00Z');
    await utimes(file, time, time);
    // Long enough for the hash to be remembered.
    await sleep(2_200);
    const before = (await store.head('a/b'))!.etag;
    expect((await store.get('a/b', { offset: 0, length: 1 }))?.etag).toBe(before);
    await writeFile(file, 'THEIRS');
    await utimes(file, time, time);
    const after = (await store.head('a/b'))!.etag;
    expect(after).not.toBe(before);
    expect(after).toBe((await store.get('a/b'))?.etag);
    expect(await store.put('a/b', bytes('ours'), { ifMatch: before })).toBeUndefined();
  });
});

describe('symbolic links', () => {
  beforeEach(async () => {
    await mkdir(path.join(folder, 'outside'));
    await writeFile(path.join(folder, 'outside/secret'), 'secret');
    await store.put('inside', bytes('inside'));
  });

  it('to a folder outside are not followed by any method', async () => {
    await symlink(path.join(folder, 'outside'), path.join(root, 'link'));
    for (const call of [
      () => store.get('link/secret'),
      () => store.head('link/secret'),
      () => store.put('link/secret', bytes('x')),
      () => store.put('link/new/deep', bytes('x')),
      () => store.put('link/new', bytes('x'), { ifNoneMatch: '*' }),
      () => store.delete('link/secret'),
    ])
      await expect(call()).rejects.toThrow(/symbolic link/);
    expect(await keys(store)).toEqual(['inside']);
    expect(await readFile(path.join(folder, 'outside/secret'), 'utf8')).toBe('secret');
    expect(await readdir(path.join(folder, 'outside'))).toEqual(['secret']);
  });

  it('to a file are neither read nor written through', async () => {
    await symlink(path.join(folder, 'outside/secret'), path.join(root, 'link'));
    await expect(store.get('link')).rejects.toThrow(/symbolic link/);
    expect(await keys(store)).toEqual(['inside']);
    await store.put('link', bytes('replaced'));
    expect(text((await store.get('link'))?.body)).toBe('replaced');
    expect(await readFile(path.join(folder, 'outside/secret'), 'utf8')).toBe('secret');
  });

  it('to the store itself are a way to it', async () => {
    await symlink(root, path.join(folder, 'alias'));
    const alias = open(path.join(folder, 'alias'));
    await alias.put('a/b', bytes('x'));
    expect(text((await store.get('a/b'))?.body)).toBe('x');
    expect(await keys(alias)).toEqual(['a/b', 'inside']);
    await alias.delete('a/b');
    expect(await keys(store)).toEqual(['inside']);
  });
});

describe('a killed writer', () => {
  const size = 4_000_000;

  it('leaves the old object or the new one, and nothing in the listing', async () => {
    await store.put('object', new Uint8Array(size));
    for (const delay of [0, 3, 9, 14, 22, 37]) {
      await using child = startChild(writer, ['write', root, 'object', String(size)]);
      await child.prints('ready');
      await sleep(delay);
      await child.kill();
      const { body } = (await store.get('object'))!;
      expect(body.length).toBe(size);
      expect(body.every((byte) => byte === body[0])).toBe(true);
      expect(await keys(store)).toEqual(['object']);
      expect(await store.put('object', new Uint8Array(size))).toBeTypeOf('string');
    }
  });

  it('has its temporary files removed once they are old, and only then', async () => {
    await mkdir(path.join(root, '.store/temporary'), { recursive: true });
    const [old, young] = ['old', 'young'].map((name) => path.join(root, '.store/temporary', name));
    await writeFile(old!, 'half an obj');
    await writeFile(young!, 'half an obj');
    const hourAgo = new Date(Date.now() - 3_600_000);
    await utimes(old!, hourAgo, hourAgo);
    await store.put('a', bytes('x'));
    expect(await temporaryFiles()).toEqual(['young']);
    expect(await keys(store)).toEqual(['a']);
  });

  it('takes no lock with it', async () => {
    await store.put('a', bytes('1'));
    const lock = path.join(root, '.store/lock');
    await using holder = startChild(writer, ['hold', lock]);
    await holder.prints('ready');
    let written = false;
    const writing = store.put('a', bytes('2')).then(() => {
      written = true;
    });
    await sleep(100);
    expect(written).toBe(false);
    await holder.kill();
    await writing;
    expect(text((await store.get('a'))?.body)).toBe('2');
  });
});

describe('the lock', () => {
  it('is held by one at a time, whoever asks', async () => {
    const file = path.join(folder, 'lock');
    let inside = 0;
    let most = 0;
    const enter = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      await sleep(2);
      inside--;
    };
    await Promise.all(Array.from({ length: 10 }, () => withLock(file, enter)));
    expect(most).toBe(1);
  });

  it('is free again after an action that failed', async () => {
    const file = path.join(folder, 'lock');
    await expect(withLock(file, () => Promise.reject(new Error('action')))).rejects.toThrow('action');
    expect(await withLock(file, async () => 'free')).toBe('free');
  });

  it('is given up for after the timeout, with the file that is held', async () => {
    const file = path.join(folder, 'lock');
    const held = Promise.withResolvers<void>();
    const holding = withLock(file, () => held.promise);
    await expect(withLock(file, async () => 'never', 30)).rejects.toThrow(`another process has held ${file}`);
    held.resolve();
    await holding;
  });
});

describe('a file system that refuses', () => {
  it('names what it refused when the store is a file', async () => {
    await writeFile(root, 'not a folder');
    await expect(store.put('a/b', bytes('x'))).rejects.toBeInstanceOf(StoreError);
    await expect(store.put('a/b', bytes('x'))).rejects.toThrow(
      `directory ${root} cannot be used: it is a file, or lies below one`,
    );
    expect(await store.get('a/b')).toBeUndefined();
    expect(await keys(store)).toEqual([]);
    await rm(root);
    await store.put('a/b', bytes('x'));
    expect(await keys(store)).toEqual(['a/b']);
  });

  const isRoot = process.getuid?.() === 0;
  it.skipIf(isRoot)(
    'names what it refused when the folder may not be written (skipped for root)',
    async () => {
      await store.put('a/b', bytes('x'));
      await chmod(path.join(root, 'a'), 0o500);
      await expect(store.put('a/c', bytes('x'))).rejects.toThrow(
        /cannot write 1 bytes to 'a\/c': not permitted/,
      );
      await chmod(path.join(root, 'a'), 0o700);
      expect(await keys(store)).toEqual(['a/b']);
    },
  );

  const script = path.join(fixtures, 'full-disk.ts');
  const inSmallDisk = `mount -t tmpfs -o size=2m tmpfs "$1" && exec "$2" "$3" "$1"`;
  const namespaces = process.getuid?.() === 0 ? ['-m'] : ['-rm'];
  const canMount = ((): boolean => {
    try {
      execFileSync('unshare', [...namespaces, 'sh', '-c', 'mount -t tmpfs tmpfs /mnt'], { stdio: 'ignore' });
      return true;
    } catch {
      process.stderr.write(
        '\nSKIPPED: a full disk needs Linux user namespaces (unshare -rm) to mount a small one\n',
      );
      return false;
    }
  })();
  it.skipIf(!canMount)('says that the disk is full, keeps what is there and can free space', () => {
    const output = execFileSync(
      'unshare',
      [...namespaces, 'sh', '-c', inSmallDisk, 'sh', folder, process.execPath, script],
      {
        encoding: 'utf8',
      },
    );
    expect(JSON.parse(output)).toEqual({
      error: 'StoreError',
      message: `directory ${folder}/store: cannot write 1500000 bytes to 'large': no space left on the disk`,
      kept: 'first',
      keys: ['first', 'full/0'],
      temporary: [],
      afterDelete: 'written',
    });
  });
});

describe('an address', () => {
  it('starts at the base directory when it is relative', async () => {
    const relative = openStore('some/store', { baseDirectory: folder, environment: {} });
    await relative.put('a', bytes('x'));
    expect(await readFile(path.join(folder, 'some/store/a'), 'utf8')).toBe('x');
    expect(relative.description).toBe('directory some/store');
  });

  it.each(['gs://bucket', 'https://host/path', 'file:///tmp/x', '', ' '])(
    'of another kind is refused: %j',
    (address) => {
      expect(() => open(address)).toThrow(ConfigError);
      expect(() => open(address)).toThrow(/expected a directory or s3:\/\/bucket\/prefix/);
    },
  );
});
