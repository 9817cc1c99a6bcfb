import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';
import { StoreError } from '../../shared/errors.ts';
import { assertKey, assertRange } from './key.ts';
import { createClient, defaultIdleTimeout, type S3Address, type StoreEnvironment } from './s3-client.ts';
import {
  explain,
  isAbsence,
  isAmbiguous,
  isConflict,
  isLoss,
  isRangeFault,
  isTransfer,
  withoutSecrets,
} from './s3-errors.ts';
import type { ByteRange, Condition, ListedObject, Store } from './store.ts';

/** How often a download is started again when its body breaks off, and a conditional write that S3 asks to repeat. */
const attempts = 4;

/**
 * A bucket, or what lies below a prefix in it, as a store: S3, and whatever speaks its protocol with conditional
 * writes. The SDK repeats what fails in passing, and checks the checksums of both directions. The etag is S3's own.
 */
export function openS3(
  { bucket, prefix }: S3Address,
  environment: StoreEnvironment,
  options: { readonly idleTimeout?: number } = {},
): Store {
  const place: Place = {
    client: createClient(environment, options.idleTimeout ?? defaultIdleTimeout),
    bucket,
    prefix,
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
    put: (key, body, condition) =>
      attempt(`write ${body.length} bytes to`, key, () => put(place, key, body, condition)),
    async *list(listed) {
      try {
        yield* list(place, listed);
      } catch (cause) {
        throw failed(description, `list '${listed}'`, cause);
      }
    },
    delete: (key) =>
      attempt('delete', key, async () => {
        await place.client.send(new DeleteObjectCommand(target(place, key)));
      }),
  };
}

interface Place {
  readonly client: S3Client;
  readonly bucket: string;
  readonly prefix: string;
  readonly description: string;
}

const failed = (description: string, doing: string, error: unknown): StoreError =>
  new StoreError(`${description}: cannot ${doing}: ${explain(error)}`, { cause: withoutSecrets(error) });

const target = ({ bucket, prefix }: Place, key: string) => ({ Bucket: bucket, Key: prefix + key });

async function get(place: Place, key: string, range: ByteRange | undefined) {
  if (range?.length === 0) return emptyIfPresent(place, key);
  const bytes = range && { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` };
  for (let left = attempts; ; left--) {
    try {
      const answer = await place.client.send(new GetObjectCommand({ ...target(place, key), ...bytes }));
      return { body: await answer.Body!.transformToByteArray(), etag: answer.ETag! };
    } catch (error) {
      if (isAbsence(error)) return undefined;
      if (isRangeFault(error)) return emptyIfPresent(place, key);
      // The SDK repeats requests, but leaves to its caller a body that breaks off.
      if (left === 1 || !isTransfer(error)) throw error;
    }
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

async function put(
  place: Place,
  key: string,
  body: Uint8Array,
  condition: Condition | undefined,
): Promise<string | undefined> {
  const command = {
    ...target(place, key),
    Body: body,
    ContentType: key.endsWith('.json') ? 'application/json' : 'application/octet-stream',
    ...(condition && ('ifMatch' in condition ? { IfMatch: condition.ifMatch } : { IfNoneMatch: '*' })),
  };
  for (let left = attempts; ; left--) {
    try {
      return (await place.client.send(new PutObjectCommand(command))).ETag!;
    } catch (error) {
      if (condition === undefined) throw error;
      if (isConflict(error) && left > 1) continue;
      if (isLoss(error)) return isAmbiguous(error) ? etagIfWritten(place, key, body) : undefined;
      throw error;
    }
  }
}

/** After a repeated conditional write: the first attempt may have succeeded unheard, so that the second lost to it. */
async function etagIfWritten(place: Place, key: string, body: Uint8Array): Promise<string | undefined> {
  const found = await get(place, key, undefined);
  return found !== undefined && Buffer.compare(found.body, body) === 0 ? found.etag : undefined;
}

async function* list({ client, bucket, prefix }: Place, listed: string): AsyncGenerator<ListedObject> {
  for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix + listed })) {
    for (const { Key, Size, ETag, LastModified } of page.Contents ?? [])
      yield { key: Key!.slice(prefix.length), bytes: Size!, etag: ETag!, lastModified: LastModified! };
  }
}
