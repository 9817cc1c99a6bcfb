import { open } from 'node:fs/promises';
import path from 'node:path';
import { DataError } from '../../shared/errors.ts';
import type { SourceContext } from './source.ts';

const partBytes = 16 * 1024 * 1024;

/**
 * Copies the objects that an `s3://bucket/key` address (a key or a pattern) names into a folder.
 * @returns the copies, in key order, with the objects' extensions
 */
export async function fetchObjects(
  address: string,
  folder: string,
  context: Pick<SourceContext, 'openBucket' | 'signal'>,
): Promise<string[]> {
  const [, bucket, pattern] = /^(s3:\/\/[^/]+)\/(.+)$/.exec(address) ?? [];
  if (bucket === undefined || pattern === undefined) {
    throw new DataError(`${address}: expected s3://bucket/key, a pattern is allowed in the key`);
  }
  if (context.openBucket === undefined) {
    throw new DataError(`${address}: reading from object storage is not set up here`);
  }
  const store = context.openBucket(bucket);
  const files: string[] = [];
  for await (const object of store.list(pattern.split(/[*?[{]/)[0]!)) {
    if (object.key !== pattern && !path.posix.matchesGlob(object.key, pattern)) continue;
    const file = path.join(folder, `${crypto.randomUUID()}-${path.posix.basename(object.key)}`);
    await using target = await open(file, 'wx');
    let etag: string | undefined;
    for (let offset = 0; offset < object.bytes; offset += partBytes) {
      context.signal.throwIfAborted();
      const length = Math.min(partBytes, object.bytes - offset);
      const part = await store.get(object.key, { offset, length });
      etag ??= part?.etag;
      if (part === undefined || part.etag !== etag) {
        throw new DataError(`${bucket}/${object.key} changed while it was read`);
      }
      await target.write(part.body);
    }
    files.push(file);
  }
  if (files.length === 0) throw new DataError(`${address}: no such object`);
  return files;
}
