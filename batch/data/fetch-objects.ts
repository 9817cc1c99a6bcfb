import { type FileHandle, open, statfs } from 'node:fs/promises';
import path from 'node:path';
import { DataError } from '../../shared/errors.ts';
import type { ListedObject } from '../store/index.ts';
import { defaultPartBytes, inParallel, partsAtOnce, partsOf } from '../store/parts.ts';
import type { SourceContext } from './source.ts';

type FetchContext = Pick<SourceContext, 'openBucket' | 'signal'>;
type Bucket = ReturnType<NonNullable<SourceContext['openBucket']>>;

/**
 * Copies the objects that an `s3://bucket/key` address (a key or a pattern) names into a folder. Whatever their size,
 * four parts of 16 MiB are in memory; nothing is copied when the disk has no room for all.
 * @returns the copies, in key order, with the objects' extensions
 * @throws DataError when there is none, when they do not fit, or when one is replaced while it is read
 */
export async function fetchObjects(
  address: string,
  folder: string,
  context: FetchContext,
): Promise<string[]> {
  const { name, store, objects } = await matchingObjects(address, context);
  await assertRoom(address, objects, folder);
  const files: string[] = [];
  for (const object of objects) {
    const file = path.join(folder, `${crypto.randomUUID()}-${path.posix.basename(object.key)}`);
    await copy(store, object, file, context.signal, `${name}/${object.key}`);
    files.push(file);
  }
  return files;
}

/**
 * The objects that an `s3://bucket/key` address (a key or a pattern) names, in key order, with their bucket.
 * @throws DataError when there is none
 */
export async function matchingObjects(
  address: string,
  context: Pick<SourceContext, 'openBucket'>,
): Promise<{ readonly name: string; readonly store: Bucket; readonly objects: readonly ListedObject[] }> {
  const [, bucket, pattern] = /^(s3:\/\/[^/]+)\/(.+)$/.exec(address) ?? [];
  if (bucket === undefined || pattern === undefined) {
    throw new DataError(`${address}: expected s3://bucket/key, a pattern is allowed in the key`);
  }
  if (context.openBucket === undefined) {
    throw new DataError(`${address}: reading from object storage is not set up here`);
  }
  const store = context.openBucket(bucket);
  const objects: ListedObject[] = [];
  for await (const object of store.list(pattern.split(/[*?[{]/)[0]!)) {
    if (object.key === pattern || path.posix.matchesGlob(object.key, pattern)) objects.push(object);
  }
  if (objects.length === 0) throw new DataError(`${address}: no such object`);
  return { name: bucket, store, objects };
}

async function assertRoom(address: string, objects: readonly ListedObject[], folder: string): Promise<void> {
  const needed = objects.reduce((sum, { bytes }) => sum + bytes, 0);
  const { bavail, bsize } = await statfs(folder);
  if (needed <= bavail * bsize) return;
  const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6).toLocaleString('en')} MB`;
  throw new DataError(
    `${address}: its ${megabytes(needed)} do not fit into the scratch folder, where ` +
      `${megabytes(bavail * bsize)} are free: set TMPDIR to a larger disk`,
  );
}

async function copy(
  store: Bucket,
  { key, bytes }: ListedObject,
  file: string,
  signal: AbortSignal,
  name: string,
): Promise<void> {
  await using target = await open(file, 'wx');
  let etag: string | undefined;
  await inParallel(partsOf(bytes, defaultPartBytes), partsAtOnce, async (range) => {
    signal.throwIfAborted();
    const part = await store.get(key, range);
    etag ??= part?.etag;
    if (part === undefined || part.etag !== etag || part.body.length !== range.length) {
      throw new DataError(`${name} changed while it was read`);
    }
    await writeAt(target, part.body, range.offset);
  });
}

async function writeAt(target: FileHandle, body: Uint8Array, offset: number): Promise<void> {
  for (let written = 0; written < body.length; ) {
    const left = body.length - written;
    written += (await target.write(body, written, left, offset + written)).bytesWritten;
  }
}
