import { ReleaseError } from '../shared/errors.ts';

/** Bytes `offset` … `offset + length − 1` of an object. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** How to open an object. */
export interface OpenOptions {
  /** Left out: the whole object. */
  readonly range?: ByteRange;
  /** Whether the object may change: the channel pointer. Everything else may come from any cache. */
  readonly mutable?: boolean;
}

/** An object's bytes from `offset` on; 0 also where a range was asked for and the source knows none. */
export interface Opened {
  readonly body: ReadableStream<Uint8Array>;
  readonly offset: number;
}

/** Where releases are read from: an R2 bucket, or an HTTP origin such as a CDN before S3. */
export interface Source {
  /** For messages. */
  readonly description: string;
  /**
   * Opens an object, undefined when there is none.
   * @throws ReleaseError when the source does not answer as it must
   */
  open(key: string, options?: OpenOptions): Promise<Opened | undefined>;
}

/** Seconds in Cloudflare's cache. Releases are immutable, but a damaged object that was repaired must come through. */
const cacheTtlByStatus = { '200-299': 3_600, '300-599': -1 };

/** Milliseconds in which an object must have arrived. */
const timeout = 20_000;

/** An R2 bucket, keys as they are. */
export function bucketSource(bucket: R2Bucket): Source {
  return {
    description: 'the R2 bucket',
    async open(key, { range } = {}) {
      const object = await bucket.get(key, range ? { range } : {});
      return object ? { body: object.body, offset: range?.offset ?? 0 } : undefined;
    },
  };
}

/** `origin` ends without a slash; keys are its paths. */
export function httpSource(origin: string): Source {
  return {
    description: origin,
    async open(key, { range, mutable = false } = {}) {
      const headers = new Headers({ 'accept-encoding': 'identity' });
      if (range) headers.set('range', `bytes=${range.offset}-${range.offset + range.length - 1}`);
      const { status, body } = await request(`${origin}/${key}`, {
        headers,
        signal: AbortSignal.timeout(timeout),
        ...(mutable ? { cache: 'no-store' } : { cf: { cacheEverything: true, cacheTtlByStatus } }),
      });
      if (body !== null && (status === 200 || status === 206)) {
        return { body, offset: status === 206 ? (range?.offset ?? 0) : 0 };
      }
      await body?.cancel();
      // S3 answers 403 for an absent key to those who may not list.
      if (status === 404 || status === 403) return undefined;
      throw new ReleaseError(`${origin}/${key}: expected status 200, found ${status}`);
    },
  };
}

async function request(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    throw new ReleaseError(`${url}: expected an answer, found ${(cause as Error).message}`, { cause });
  }
}
