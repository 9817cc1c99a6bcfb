import type { Dirent } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { hasCode, isAbsence } from './file-errors.ts';
import { compareKeys } from './key.ts';
import type { ByteRange, ListedObject } from './store.ts';

/** What a directory store does to the file system. */

/** A temporary file of this age belongs to a killed writer: one object in memory is written in far less. */
const abandonedAfterMs = 10 * 60_000;

/** The folder of temporary files: created where it is missing, rid of what killed writers left. */
export async function sweptFolder(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const file = path.join(folder, name);
    const written = await stat(file).catch(absentAsUndefined);
    if (written !== undefined && Date.now() - written.mtimeMs > abandonedAfterMs)
      await rm(file, { force: true });
  }
  return folder;
}

/** The bytes of a file from `offset` on, at most `length`. */
export async function readRange(
  handle: FileHandle,
  { offset, length }: ByteRange,
): Promise<Uint8Array<ArrayBuffer>> {
  const { size } = await handle.stat();
  const body = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
  for (let read = 0; read < body.length; ) {
    const { bytesRead } = await handle.read(body, read, body.length - read, offset + read);
    if (bytesRead === 0) throw new Error(`the file ended at ${offset + read} of ${size} bytes`);
    read += bytesRead;
  }
  return body;
}

/** Writes a new file and waits until the disk has it. */
export async function writeDurably(file: string, content: Uint8Array): Promise<void> {
  await using handle = await open(file, 'wx');
  await handle.writeFile(content);
  await handle.sync();
}

/** Waits until the disk has the entries of `folder` and of the folders above it, up to `top`. */
export async function flushFolders(folder: string, top: string): Promise<void> {
  for (let current = folder; ; current = path.dirname(current)) {
    try {
      await using handle = await open(current, 'r');
      await handle.sync();
    } catch (error) {
      // Deleted again meanwhile.
      if (!isAbsence(error)) throw error;
    }
    if (current === top || current === path.dirname(current)) return;
  }
}

/** Removes `folder` and the folders above it, below `root`, as far as they are empty. */
export async function removeEmptyFolders(folder: string, root: string): Promise<void> {
  for (let current = folder; current !== root; current = path.dirname(current)) {
    try {
      await rmdir(current);
    } catch (error) {
      if (hasCode(error, 'ENOTEMPTY', 'EEXIST')) return;
      throw error;
    }
  }
}

/**
 * The files below `folder` (a key ending in `/`, or '' for all) whose key starts with `prefix`, in key order. Symbolic
 * links and names that are `hidden` at the root are passed over, and so is what disappears meanwhile.
 */
export async function* list(
  root: string,
  folder: string,
  prefix: string,
  hidden: (name: string) => boolean,
): AsyncGenerator<ListedObject> {
  const inFolder: Dirent[] = await readdir(path.join(root, folder), { withFileTypes: true }).catch(
    (error: unknown) => absentAsUndefined(error) ?? [],
  );
  const keys = inFolder
    .filter((entry) => (entry.isFile() || entry.isDirectory()) && !(folder === '' && hidden(entry.name)))
    .map((entry) => folder + entry.name + (entry.isDirectory() ? '/' : ''))
    .filter((key) => key.startsWith(prefix) || prefix.startsWith(key))
    .sort(compareKeys);
  for (const key of keys) {
    if (key.endsWith('/')) yield* list(root, key, prefix, hidden);
    else if (key.startsWith(prefix)) {
      const found = await stat(path.join(root, key)).catch(absentAsUndefined);
      if (found !== undefined) yield { key, bytes: found.size, lastModified: found.mtime };
    }
  }
}

function absentAsUndefined(error: unknown): undefined {
  if (isAbsence(error)) return undefined;
  throw error;
}
