import { DeleteObjectCommand, HeadObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { StoreError } from '../../shared/errors.ts';
import { assertKey, assertRange } from './key.ts';
import { defaultPartBytes } from './parts.ts';
import {
  createClient,
  defaultIdleTimeout,
  type Place,
  type S3Address,
  type StoreEnvironment,
  target,
} from './s3-client.ts';
import { download } from './s3-download.ts';
import { explain, isAbsence, isRangeFault, withoutSecrets } from './s3-errors.ts';
import { upload } from './s3-upload.ts';
import type { ByteRange, ListedObject, Store } from './store.ts';

/** Of a store in S3; for tests, which are short of time. */
export interface S3Options {
  /** How long a transfer may stand still, ms. */
  readonly idleTimeout?: number;
  /** Objects of more bytes than this are moved in parts of this size. */
  readonly partBytes?: number;
}

/**
 * A bucket, or what lies below a prefix in it, as a store: S3, and whatever speaks its protocol with conditional
 * writes. The SDK repeats what fails in passing, and checks the checksums of both directions; large objects are moved in
 * parts. The etag is S3's own.
 */
export function openS3(
  { bucket, prefix }: S3Address,
  environment: StoreEnvironment,
  { idleTimeout = defaultIdleTimeout, partBytes = defaultPartBytes }: S3Options = {},
): Store {
  const place: Place = {
    client: createClient(environment, idleTimeout),
    bucket,
    prefix,
    partBytes,
    description: `s3://${bucket}/${prefix}`.replace(/\/$/, ''),
  };
  const { description } = place;
  const attempt = async <T>(doing: string, key: string, action: () => Promise<T>): Promise<T> => {
    try {
      assertKey(description, prefix + key);
      return await action();
    } catch (cause) {
      throw cause instanceof StoreError ? cause : failed(description, `${doing} '${key}'`, cause);
    }
  };
  return {
    description,
    get: (key, range) =>
      attempt('read', key, async () => {
        if (range !== undefined) assertRange(description, key, range);
        return get(place, key, range);
      }),
    head: (key) => attempt('read', key, () => head(place, key)),
    put: (key, body, condition, signal) =>
      attempt(`write ${body.length} bytes to`, key, () => upload(place, key, body, condition, signal)),
    async *list(listed) {
      try {
        yield* list(place, listed);
      } catch (cause) {
        throw failed(description, `list '${listed}'`, cause);
      }
    },
    delete: (key) => attempt('delete', key, () => remove(place, key)),
  };
}

const failed = (description: string, doing: string, error: unknown): StoreError =>
  new StoreError(`${description}: cannot ${doing}: ${explain(error)}`, { cause: withoutSecrets(error) });

async function get(place: Place, key: string, range: ByteRange | undefined) {
  if (range?.length === 0) return emptyIfPresent(place, key);
  try {
    return await download(place, key, range);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    if (isRangeFault(error)) return emptyIfPresent(place, key);
    throw error;
  }
}

async function emptyIfPresent(place: Place, key: string) {
  const found = await head(place, key);
  return found && { body: new Uint8Array(0), etag: found.etag };
}

async function head(place: Place, key: string) {
  try {
    const found = await place.client.send(new HeadObjectCommand(target(place, key)));
    return { key, bytes: found.ContentLength!, etag: found.ETag!, lastModified: found.LastModified! };
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** S3 says nothing of an absent key; some servers do when two deletions of one meet. */
async function remove(place: Place, key: string): Promise<void> {
  try {
    await place.client.send(new DeleteObjectCommand(target(place, key)));
  } catch (error) {
    if (!isAbsence(error)) throw error;
  }
}

async function* list({ client, bucket, prefix }: Place, listed: string): AsyncGenerator<ListedObject> {
  for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix + listed })) {
    for (const { Key, Size, ETag, LastModified } of page.Contents ?? [])
      yield { key: Key!.slice(prefix.length), bytes: Size!, etag: ETag!, lastModified: LastModified! };
  }
}
