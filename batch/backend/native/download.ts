import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BackendError } from '../../../shared/errors.ts';
import { reason, request, shown } from './request.ts';

/** Connections that may break before a download gives up; what has come is kept for the next try. */
const attempts = 4;

export interface DownloadOptions {
  readonly signal: AbortSignal;
  /** Bytes so far, and of how many. */
  readonly progress: (bytes: number, of: number | undefined) => void;
  /** Milliseconds before the first retry; doubles. */
  readonly pause?: number;
}

/**
 * Fetches a file whose hash is known, going on where an earlier download ended, in `<file>.part`. When this returns, `file` is whole
 * and has that hash.
 * @throws BackendError when the server refuses, the connection breaks again and again, or the hash is another
 */
export async function download(
  source: { readonly url: string; readonly sha256: string },
  file: string,
  options: DownloadOptions,
): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const part = `${file}.part`;
  if ((await sizeOf(file)) > 0 && (await sha256Of(file)) === source.sha256) return;
  for (let attempt = 1; ; attempt++) {
    try {
      await fetchRest(source.url, part, options);
      break;
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof RefusedError || isDisk(error) || attempt === attempts)
        throw explained(error, source.url);
      await new Promise((resolve) => setTimeout(resolve, (options.pause ?? 1_000) * 2 ** (attempt - 1)));
    }
  }
  const found = await sha256Of(part);
  if (found !== source.sha256) {
    await rm(part, { force: true });
    throw new BackendError(
      `${shown(source.url)}: expected SHA-256 ${source.sha256}, found ${found}. The download was removed; ` +
        'if it happens again, the package index offers another file than it announces.',
    );
  }
  await rename(part, file);
}

class RefusedError extends BackendError {}

async function fetchRest(url: string, part: string, { signal, progress }: DownloadOptions): Promise<void> {
  const have = await sizeOf(part);
  const response = await request(url, have > 0 ? { range: `bytes=${have}-` } : {}, signal);
  // The part is already the whole file.
  if (response.status === 416 && have > 0) return void (await response.body?.cancel());
  if (!response.ok || response.body === null)
    throw new RefusedError(
      `${shown(url)}: expected status 200 or 206, found ${response.status} ${response.statusText}`,
    );
  // A server without ranges starts over.
  const start = response.status === 206 ? have : 0;
  const length = Number(response.headers.get('content-length')) || undefined;
  let bytes = start;
  const count = new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      progress(bytes, length === undefined ? undefined : start + length);
      done(null, chunk);
    },
  });
  const body = Readable.fromWeb(response.body as import('node:stream/web').ReadableStream);
  await pipeline(body, count, createWriteStream(part, { flags: start > 0 ? 'a' : 'w' }), { signal });
  if (length !== undefined && bytes !== start + length)
    throw new BackendError(`${shown(url)}: expected ${start + length} bytes, found ${bytes}`);
}

const isDisk = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT', 'EACCES', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '');

const explained = (error: unknown, url: string): unknown =>
  error instanceof BackendError || isDisk(error)
    ? error
    : new BackendError(
        `${shown(url)}: the connection broke ${attempts} times, lastly by: ${reason(error)}. What has come is kept; run it again to go on.`,
        { cause: error },
      );

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.size ?? 0;
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
