import { ReleaseError } from '../shared/errors.ts';
import type { ByteRange, Source } from './source.ts';

/** What the manifest says of a file. */
export interface ExpectedFile {
  readonly key: string;
  readonly bytes: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

/** Files are read in as many ranges at once, of at least this many bytes. */
const ranges = 4;
const smallestRange = 1024 * 1024;
const chunkBytes = 256 * 1024;

/**
 * Reads a file into `target()`, its final place: each byte is copied once, and nothing else holds the file. `target` is
 * asked before every write, since the memory beneath may have moved; it throws when the place is no longer ours.
 * @throws ReleaseError when the file is absent, shorter, longer or different
 */
export async function download(source: Source, file: ExpectedFile, target: () => Uint8Array): Promise<void> {
  const digest = new crypto.DigestStream('SHA-256');
  const writer = digest.getWriter();
  let hashed: Promise<void> = Promise.resolve();
  const parts = split(file.bytes).map((range) => downloadRange(source, file, range, target));
  // SHA-256 wants the bytes in order: a range is hashed in place when all before it were.
  for (const [i, range] of split(file.bytes).entries()) {
    hashed = hashed.then(async () => {
      await parts[i];
      for (let at = range.offset; at < range.offset + range.length; at += chunkBytes) {
        const end = Math.min(at + chunkBytes, range.offset + range.length);
        await writer.write(target().subarray(at, end));
      }
    });
  }
  try {
    await Promise.all([...parts, hashed]);
    await writer.close();
  } catch (error) {
    await Promise.allSettled([writer.abort(error), digest.digest]);
    throw error;
  }
  assertSha256(file, hex(await digest.digest));
}

const split = (bytes: number): ByteRange[] => {
  const count = Math.max(1, Math.min(ranges, Math.floor(bytes / smallestRange)));
  const length = Math.ceil(bytes / count);
  return Array.from({ length: count }, (_, i) => ({
    offset: i * length,
    length: Math.min(length, bytes - i * length),
  }));
};

async function downloadRange(
  source: Source,
  file: ExpectedFile,
  range: ByteRange,
  target: () => Uint8Array,
): Promise<void> {
  const whole = range.length === file.bytes;
  const opened = await source.open(file.key, whole ? {} : { range });
  if (opened === undefined) throw absent(source, file);
  const end = range.offset + range.length;
  let at = opened.offset;
  for await (const chunk of chunks(opened.body)) {
    const part = chunk.subarray(Math.max(0, range.offset - at), Math.max(0, end - at));
    target().set(part, Math.max(at, range.offset));
    at += chunk.length;
    if (at > end && whole) throw wrongLength(file, 'more');
    if (at >= end && !whole) break;
  }
  if (at < end) throw wrongLength(file, `${at}`);
}

const absent = (source: Source, file: ExpectedFile): ReleaseError =>
  new ReleaseError(`${file.key}: expected a file, ${source.description} has none`);

const wrongLength = (file: ExpectedFile, found: string): ReleaseError =>
  new ReleaseError(`${file.key}: expected ${file.bytes} bytes, found ${found}`);

/** The stream in chunks of about {@link chunkBytes}, all in one buffer: a chunk is valid until the next is asked for. */
async function* chunks(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader({ mode: 'byob' });
  let buffer = new ArrayBuffer(chunkBytes);
  try {
    for (;;) {
      const { value, done } = await reader.readAtLeast(chunkBytes, new Uint8Array(buffer));
      if (value !== undefined && value.length > 0) yield value;
      if (done || value === undefined) return;
      buffer = value.buffer as ArrayBuffer;
    }
  } finally {
    // At the end there is nothing to cancel, and after a failure the failure is what counts.
    await reader.cancel().catch(() => undefined);
  }
}

/**
 * Reads a small object whole, undefined when there is none.
 * @throws ReleaseError when it is longer than `limit` bytes
 */
export async function readSmall(
  source: Source,
  key: string,
  limit: number,
  options: { readonly mutable?: boolean } = {},
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const opened = await source.open(key, options);
  if (opened === undefined) return undefined;
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of opened.body) {
    length += chunk.length;
    if (length > limit) throw new ReleaseError(`${key}: expected at most ${limit} bytes, found more`);
    parts.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Reads a small file of a release and checks it against the manifest. @throws ReleaseError */
export async function readVerified(source: Source, file: ExpectedFile): Promise<Uint8Array<ArrayBuffer>> {
  const found = await readSmall(source, file.key, file.bytes);
  if (found === undefined) throw absent(source, file);
  if (found.length !== file.bytes) throw wrongLength(file, `${found.length}`);
  assertSha256(file, await sha256(found));
  return found;
}

/** 64 hex digits. */
export const sha256 = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  hex(await crypto.subtle.digest('SHA-256', bytes));

const hex = (digest: ArrayBuffer): string =>
  Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');

function assertSha256(file: ExpectedFile, found: string): void {
  if (found !== file.sha256)
    throw new ReleaseError(`${file.key}: expected sha256 ${file.sha256}, found ${found}`);
}
