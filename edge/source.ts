import { ReleaseError } from '../shared/errors.ts';

/** Bytes `offset` … `offset + length − 1` of an object. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface OpenOptions {
  /** Left out: the whole object. */
  readonly range?: ByteRange;
  /** Whether the object may change: the channel pointer. Everything else may come from any cache. */
  readonly mutable?: boolean;
}

/** Where releases are read from: an R2 bucket, or an HTTP origin such as a CDN before S3. */
export interface Source {
  /** For messages. */
  readonly description: string;
  /**
   * The object's bytes, or undefined when there is none.
   * @throws ReleaseError when the source does not answer as it must
   */
  open(key: string, options?: OpenOptions): Promise<ReadableStream<Uint8Array> | undefined>;
}

/** Milliseconds in which an object must have arrived. */
const timeout = 20_000;

export function bucketSource(bucket: R2Bucket): Source {
  return {
    description: 'the R2 bucket',
    async open(key, { range } = {}) {
      const object = await bucket.get(key, range ? { range } : {});
      return object?.body;
    },
  };
}

/** `origin` ends without a slash; keys are its paths. Ranges are asked for, but an origin without them works too. */
export function httpSource(origin: string): Source {
  return {
    description: origin,
    async open(key, { range, mutable = false } = {}) {
      const headers = new Headers({ 'accept-encoding': 'identity' });
      if (range) headers.set('range', `bytes=${range.offset}-${range.offset + range.length - 1}`);
      const response = await request(`${origin}/${key}`, {
        headers,
        signal: AbortSignal.timeout(timeout),
        ...(mutable ? { cache: 'no-store' } : { cf: { cacheEverything: true, cacheTtl: 31_536_000 } }),
      });
      if (response.status === 404 || response.status === 403) {
        // S3 answers 403 for an absent key to those who may not list.
        await response.body?.cancel();
        return undefined;
      }
      if (!response.ok || response.body === null) {
        await response.body?.cancel();
        throw new ReleaseError(`${origin}/${key}: expected status 200, found ${response.status}`);
      }
      return range && response.status !== 206 ? response.body.pipeThrough(slice(range)) : response.body;
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

/** The range's bytes of a stream of the whole. */
function slice({ offset, length }: ByteRange): TransformStream<Uint8Array, Uint8Array> {
  let at = 0;
  return new TransformStream({
    transform(chunk, controller) {
      const part = chunk.subarray(Math.max(0, offset - at), Math.max(0, offset + length - at));
      at += chunk.length;
      if (part.length > 0) controller.enqueue(part);
      if (at >= offset + length) controller.terminate();
    },
  });
}
