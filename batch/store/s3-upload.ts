import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { StoreError } from '../../shared/errors.ts';
import { sha256 } from '../sha256.ts';
import { inParallel, partsAtOnce, partsOf } from './parts.ts';
import { attempts, pause, persistently } from './retry.ts';
import { type Place, target } from './s3-client.ts';
import { download } from './s3-download.ts';
import {
  explain,
  isAbsence,
  isAbsentUpload,
  isAmbiguous,
  isConflict,
  isCorruption,
  isLoss,
  withoutSecrets,
} from './s3-errors.ts';
import type { ByteRange, Condition } from './store.ts';

/** S3 takes no more parts of one object. */
const maxParts = 10_000;

/**
 * Writes an object: in one request up to the size of one part, else in parts. The server checks the checksum of each
 * request, and shows the object once it has all of it. Resolves to the etag, or to undefined when the condition does
 * not hold.
 * @throws the SDK's errors; an AbortError when the signal ended it
 */
export async function upload(
  place: Place,
  key: string,
  body: Uint8Array,
  condition: Condition | undefined,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  signal?.throwIfAborted();
  const put = body.length > place.partBytes ? putParts : putWhole;
  // Whether an attempt may have succeeded unheard, so that the next one loses to it.
  let unheard = false;
  for (let n = 0; ; n++) {
    try {
      return await put(place, key, body, condition, signal);
    } catch (error) {
      if (signal?.aborted) throw error;
      unheard ||= isAmbiguous(error) || isAbsentUpload(error);
      const lost = condition !== undefined && isLoss(error);
      if (unheard && (lost || isAbsentUpload(error))) {
        const etag = await etagIfWritten(place, key, body);
        if (etag !== undefined) return etag;
      }
      const mayPass = isConflict(error) || isCorruption(error) || isAbsentUpload(error);
      if (!mayPass || n + 1 === attempts) {
        if (lost) return undefined;
        throw error;
      }
      await pause(n, signal);
    }
  }
}

const until = (signal: AbortSignal | undefined) => (signal ? { abortSignal: signal } : {});

const settings = (key: string) => ({
  ContentType: key.endsWith('.json') ? 'application/json' : 'application/octet-stream',
});

const headers = (condition: Condition | undefined) =>
  condition && ('ifMatch' in condition ? { IfMatch: condition.ifMatch } : { IfNoneMatch: '*' });

async function putWhole(
  place: Place,
  key: string,
  body: Uint8Array,
  condition: Condition | undefined,
  signal: AbortSignal | undefined,
): Promise<string> {
  const command = { ...target(place, key), ...settings(key), ...headers(condition), Body: body };
  return (await place.client.send(new PutObjectCommand(command), until(signal))).ETag!;
}

async function putParts(
  place: Place,
  key: string,
  body: Uint8Array,
  condition: Condition | undefined,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { UploadId } = await place.client.send(
    new CreateMultipartUploadCommand({
      ...target(place, key),
      ...settings(key),
      ChecksumAlgorithm: 'CRC32',
      // S3's own checksum of such an object depends on its parts, so a reader of ranges could not check it.
      Metadata: { sha256: sha256(body) },
    }),
  );
  const opened = { ...target(place, key), UploadId: UploadId! };
  try {
    // The upload was opened without the signal, so that one which the server opened is known, and removed.
    signal?.throwIfAborted();
    const Parts = await sendParts(place, opened, body, signal);
    const complete = { ...opened, ...headers(condition), MultipartUpload: { Parts } };
    const done = await place.client.send(
      new CompleteMultipartUploadCommand({ ...complete, MpuObjectSize: body.length }),
      until(signal),
    );
    return done.ETag!;
  } catch (error) {
    await abandon(place, key, opened, error);
    throw error;
  }
}

type OpenUpload = ReturnType<typeof target> & { readonly UploadId: string };

async function sendParts(
  place: Place,
  opened: OpenUpload,
  body: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<CompletedPart[]> {
  const partBytes = Math.max(place.partBytes, Math.ceil(body.length / maxParts));
  const parts: CompletedPart[] = [];
  await inParallel(partsOf(body.length, partBytes), partsAtOnce, async ({ offset, length }: ByteRange) => {
    const index = offset / partBytes;
    const part = {
      ...opened,
      PartNumber: index + 1,
      Body: body.subarray(offset, offset + length),
      ChecksumAlgorithm: 'CRC32' as const,
    };
    const { ETag, ChecksumCRC32 } = await persistently(
      isCorruption,
      () => place.client.send(new UploadPartCommand(part), until(signal)),
      signal,
    );
    parts[index] = { PartNumber: index + 1, ETag, ChecksumCRC32 };
  });
  return parts;
}

/** Removes the parts of an upload that failed. Where that fails too, the error says what is left behind. */
async function abandon(place: Place, key: string, opened: OpenUpload, failure: unknown): Promise<void> {
  try {
    await place.client.send(new AbortMultipartUploadCommand(opened));
  } catch (error) {
    if (isAbsentUpload(error)) return;
    throw new StoreError(
      `${place.description}: cannot write '${key}': ${explain(failure)}; and parts of it may stay stored until the ` +
        `multipart upload ${opened.UploadId} is aborted: ${explain(error)}`,
      { cause: withoutSecrets(failure) },
    );
  }
}

/** After a repeated write: the first attempt may have succeeded unheard, so that the second lost to it. */
async function etagIfWritten(place: Place, key: string, body: Uint8Array): Promise<string | undefined> {
  try {
    const found = await download(place, key, undefined);
    return Buffer.compare(found.body, body) === 0 ? found.etag : undefined;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}
