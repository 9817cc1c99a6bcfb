import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { canonicalJson } from '../shared/canonical-json.ts';
import type { Checkpoints } from './recommender.ts';
import { sha256 } from './sha256.ts';
import { writeWhole } from './write-whole.ts';

/**
 * Finished stages, on disk, so that a run with unchanged inputs does not repeat them and a killed one goes on. A
 * stage's key covers its inputs and the code; an entry is whole or absent. Entries are this program's own and may be
 * deleted at any time; those that were not used for longest are, so that the others stay below a number of bytes.
 */
export interface StageCache {
  /** The value of an earlier run with the same key, or the one that `compute` makes now. */
  get<T>(
    stage: string,
    inputs: unknown,
    compute: (checkpoints: Checkpoints) => Promise<T>,
  ): Promise<Cached<T>>;
}

export interface Cached<T> {
  readonly value: T;
  readonly reused: boolean;
}

/** Hash of the sources that a stage's result depends on, and of the runtime that reads the entries back. */
async function codeFingerprint(): Promise<string> {
  const root = path.resolve(import.meta.dirname, '..');
  const hash = createHash('sha256').update(process.versions.v8);
  hash.update(await readFile(path.join(root, 'package-lock.json')));
  for (const folder of ['batch', 'shared']) {
    const files = await readdir(path.join(root, folder), { recursive: true });
    for (const file of files.filter((name) => /\.(ts|cc)$/.test(name)).sort()) {
      hash.update(file).update(await readFile(path.join(root, folder, file)));
    }
  }
  return hash.digest('hex');
}

const maximumBytes = 4e9;

/** @param limit bytes that are kept, besides what has been used since it was opened */
export async function openCache(directory: string, limit = maximumBytes): Promise<StageCache> {
  const code = await codeFingerprint();
  await mkdir(directory, { recursive: true });
  const used = new Set<string>();
  return {
    async get(stage, inputs, compute) {
      const name = `${stage}-${sha256(canonicalJson({ code, inputs })).slice(0, 24)}`;
      const entry = path.join(directory, `${name}.bin`);
      used.add(entry);
      const found = unpack(await readIfPresent(entry));
      if (found !== undefined) {
        await utimes(entry, new Date(), new Date());
        return { value: found.value as Awaited<ReturnType<typeof compute>>, reused: true };
      }
      const state = path.join(directory, `${name}.checkpoint`);
      const value = await compute(fileCheckpoints(state));
      await writeWhole(entry, serialize(value));
      await rm(state, { force: true });
      await prune(directory, limit, used);
      return { value, reused: false };
    },
  };
}

/** Removes the files used least recently until the rest is below `limit` bytes; those in `used` stay. */
async function prune(directory: string, limit: number, used: ReadonlySet<string>): Promise<void> {
  const files = await Promise.all(
    (await readdir(directory)).map(async (name) => {
      const file = path.join(directory, name);
      return { file, ...(await stat(file).catch(() => ({ size: 0, mtimeMs: 0 }))) };
    }),
  );
  let kept = 0;
  for (const { file, size } of files.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
    kept += size;
    if (kept > limit && !used.has(file)) await rm(file, { force: true });
  }
}

/** What an entry holds; undefined where there is none, or one that a crash of the machine has spoilt. */
function unpack(entry: Uint8Array | undefined): { readonly value: unknown } | undefined {
  if (entry === undefined) return undefined;
  try {
    return { value: deserialize(entry) };
  } catch {
    return undefined;
  }
}

const fileCheckpoints = (file: string): Checkpoints => ({
  place: file,
  load: () => readIfPresent(file),
  save: (state) => writeWhole(file, state),
});

async function readIfPresent(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
