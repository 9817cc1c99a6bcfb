import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { StoreError } from '../../shared/errors.ts';
import { sha256 } from '../sha256.ts';
import { contentHashes } from './content-hash.ts';
import { explain, hasCode, isAbsence } from './file-errors.ts';
import * as files from './files.ts';
import { assertKey, assertRange } from './key.ts';
import { turns, withLock } from './lock.ts';
import type { ByteRange, Condition, Store } from './store.ts';

/** The store's own folder at its root: the lock, and files that are being written. No key lies in it. */
const privateFolder = '.store';

/**
 * A directory as object storage: each key is a file of that name. A put writes a temporary file, flushes it to the
 * disk and renames it, so that a reader, or a machine that lost power, has the old object or the new one. Conditions
 * are checked under a lock that every writer takes, in any process on this machine. The etag is the content's sha256.
 * Symbolic links below the root are refused.
 */
export function openDirectory(directory: string, description: string): Store {
  const place: Place = { directory, description, inTurn: turns(), hashOf: contentHashes() };
  const attempt = async <T>(doing: string, key: string, action: () => Promise<T>): Promise<T> => {
    try {
      assertKey(description, key);
      return await action();
    } catch (cause) {
      if (cause instanceof StoreError) throw cause;
      throw new StoreError(`${description}: cannot ${doing} '${key}': ${explain(cause)}`, { cause });
    }
  };
  return {
    description,
    get: (key, range) => attempt('read', key, () => get(place, key, range)),
    head: (key) => attempt('read', key, () => head(place, key)),
    put: (key, body, condition, signal) =>
      attempt(`write ${body.length} bytes to`, key, () => {
        signal?.throwIfAborted();
        return put(place, key, body, condition);
      }),
    async *list(prefix) {
      const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
      if (folder !== '') assertKey(description, folder.slice(0, -1));
      try {
        yield* files.list(directory, folder, prefix, (name) => name === privateFolder);
      } catch (cause) {
        throw new StoreError(`${description}: cannot list '${prefix}': ${explain(cause)}`, { cause });
      }
    },
    delete: (key) => attempt('delete', key, () => remove(place, key)),
  };
}

interface Place {
  readonly directory: string;
  readonly description: string;
  /** Puts this store's own writers in a row, so that only those of other stores and processes wait by polling. */
  readonly inTurn: <T>(action: () => Promise<T>) => Promise<T>;
  readonly hashOf: (handle: FileHandle) => Promise<string>;
}

/** The file of a key. @throws StoreError when a symbolic link on the way leads elsewhere, ENOENT without a folder */
async function fileOf({ directory, description }: Place, key: string): Promise<string> {
  if (key.split('/')[0] === privateFolder)
    throw new StoreError(`${description}: the key '${key}' lies in the store's own folder`);
  const file = path.join(await realpath(directory), key);
  if ((await realpath(path.dirname(file))) !== path.dirname(file))
    throw new StoreError(`${description}: '${key}' leads through a symbolic link, which is refused`);
  return file;
}

/**
 * Creates the folders of a key; returns the first that was missing.
 * @throws StoreError before anything is created beyond a symbolic link
 */
async function createFolder(place: Place, key: string): Promise<string | undefined> {
  const names = key.split('/');
  let created: string | undefined;
  for (let depth = 1; depth < names.length; depth++) {
    const folder = await fileOf(place, names.slice(0, depth).join('/'));
    try {
      await mkdir(folder);
      created ??= folder;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  }
  return created;
}

async function openObject(place: Place, key: string): Promise<FileHandle | undefined> {
  try {
    const handle = await open(await fileOf(place, key), constants.O_RDONLY | constants.O_NOFOLLOW);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    return undefined;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

async function get(place: Place, key: string, range: ByteRange | undefined) {
  if (range !== undefined) assertRange(place.description, key, range);
  await using handle = await openObject(place, key);
  if (handle === undefined) return undefined;
  if (range !== undefined)
    return { body: await files.readRange(handle, range), etag: await place.hashOf(handle) };
  const body = await handle.readFile();
  return { body, etag: sha256(body) };
}

async function head(place: Place, key: string) {
  await using handle = await openObject(place, key);
  if (handle === undefined) return undefined;
  const { size, mtime } = await handle.stat();
  return { key, bytes: size, lastModified: mtime, etag: await place.hashOf(handle) };
}

async function put(
  place: Place,
  key: string,
  body: Uint8Array,
  condition: Condition | undefined,
): Promise<string | undefined> {
  const temporary = path.join(await temporaryFolder(place), randomUUID());
  try {
    await files.writeDurably(temporary, body);
    const written = await locked(place, async () => {
      if (condition !== undefined && !(await holds(place, key, condition))) return undefined;
      const created = await createFolder(place, key);
      const file = await fileOf(place, key);
      await rename(temporary, file);
      return { folder: path.dirname(file), top: path.dirname(created ?? file) };
    });
    if (written === undefined) return undefined;
    await files.flushFolders(written.folder, written.top);
    return sha256(body);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Creates the store's own folder, too. */
async function temporaryFolder({ directory, description }: Place): Promise<string> {
  try {
    return await files.sweptFolder(path.join(directory, privateFolder, 'temporary'));
  } catch (cause) {
    const isFile = hasCode(cause, 'EEXIST', 'ENOTDIR');
    const why = isFile ? 'it is a file, or lies below one' : explain(cause);
    throw new StoreError(`${description} cannot be used: ${why}`, { cause });
  }
}

async function remove(place: Place, key: string): Promise<void> {
  if (!(await exists(place, key))) return;
  await temporaryFolder(place);
  await locked(place, async () => {
    if (!(await exists(place, key))) return;
    const file = await fileOf(place, key);
    await rm(file);
    await files.removeEmptyFolders(path.dirname(file), await realpath(place.directory));
  });
}

async function exists(place: Place, key: string): Promise<boolean> {
  await using handle = await openObject(place, key);
  return handle !== undefined;
}

async function holds(place: Place, key: string, condition: Condition): Promise<boolean> {
  await using handle = await openObject(place, key);
  if ('ifNoneMatch' in condition) return handle === undefined;
  return handle !== undefined && (await place.hashOf(handle)) === condition.ifMatch;
}

const locked = <T>({ directory, inTurn }: Place, action: () => Promise<T>): Promise<T> =>
  inTurn(() => withLock(path.join(directory, privateFolder, 'lock'), action));
