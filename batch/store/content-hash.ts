import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

/** Far longer than a tick of any file system's clock, ms. */
const settledAfter = 2_000;

/**
 * Hashes files, and remembers the hashes of those that have been left alone for a while. As in git's index, a file that
 * was changed within a tick of the clock before it was hashed is hashed again: another change could look the same.
 */
export function contentHashes(): (handle: FileHandle) => Promise<string> {
  const known = new Map<string, { readonly stamp: string; readonly hash: string }>();
  return async (handle) => {
    const { dev, ino, size, mtimeNs, ctimeNs } = await handle.stat({ bigint: true });
    const file = `${dev}:${ino}`;
    const stamp = `${size}:${mtimeNs}:${ctimeNs}`;
    const found = known.get(file);
    if (found?.stamp === stamp) return found.hash;
    const settled = Date.now() - Number(ctimeNs / 1_000_000n) > settledAfter;
    const hash = await hashOf(handle);
    if (settled) known.set(file, { stamp, hash });
    else known.delete(file);
    return hash;
  };
}

async function hashOf(handle: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of handle.createReadStream({ autoClose: false, start: 0 })) hash.update(chunk);
  return hash.digest('hex');
}
