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
  /** For messages that the public may read: no address. */
  readonly description: string;
  /**
   * Opens an object, undefined when there is none.
   * @throws ReleaseError when the source does not answer as it must
   */
  open(key: string, options?: OpenOptions): Promise<Opened | undefined>;
}

/** Seconds in Cloudflare's cache. Releases are immutable, but a damaged object that was repaired must come through. */
const cacheTtlByStatus = { '200-299': 3_600, '300-599': -1 };

/** Milliseconds in which an object must have arrived; of an R2 object, its head. */
const timeout = 20_000;

/** An R2 bucket, keys as they are. */
export function bucketSource(bucket: R2Bucket): Source {
  return {
    description: 'the R2 bucket',
    async open(key, { range } = {}) {
      const object = await inTime(key, bucket.get(key, range ? { range } : {}));
      return object ? { body: object.body, offset: range?.offset ?? 0 } : undefined;
    },
  };
}

/** `origin` ends without a slash; keys are its paths. */
export function httpSource(origin: string): Source {
  return {
    description: 'the origin',
    async open(key, { range, mutable = false } = {}) {
      const headers = new Headers({ 'accept-encoding': 'identity' });
      if (range) headers.set('range', `bytes=${range.offset}-${range.offset + range.length - 1}`);
      const { status, body } = await request(key, `${origin}/${key}`, {
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
      throw new ReleaseError(`${key}: expected status 200 from the origin, found ${status}`);
    },
  };
}

/** The cause may hold the origin's address: it is for the log. @throws ReleaseError */
async function request(key: string, url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    throw new ReleaseError(`${key}: expected an answer from the origin, found none`, { cause });
  }
}

/** @throws ReleaseError when a bucket does not answer */
async function inTime<T>(key: string, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      late.reject(
        new ReleaseError(`${key}: expected an answer from the R2 bucket within ${timeout / 1_000} s`),
      ),
    timeout,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
