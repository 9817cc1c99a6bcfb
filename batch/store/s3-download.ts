import type { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { sha256 } from '../sha256.ts';
import { inParallel, partsAtOnce, partsOf } from './parts.ts';
import { attempts, pause, persistently } from './retry.ts';
import { type Place, target } from './s3-client.ts';
import { isChange, isTransfer } from './s3-errors.ts';
import type { ByteRange } from './store.ts';

/**
 * Reads an object or a range of it. Up to the size of one part it is one request, whose checksum the SDK checks; more
 * comes as ranges in parallel, all of the version (etag) that the first answer named, and is checked against the sha256
 * that the writer left with the object. What breaks off goes on where it stopped; an object that is replaced meanwhile,
 * or that does not have its checksum, is read again from the start.
 * @throws the SDK's errors
 */
export const download = (place: Place, key: string, range: ByteRange | undefined) =>
  persistently(
    (error) => isTransfer(error) || isChange(error),
    () => readOnce(place, key, range),
  );

async function readOnce(place: Place, key: string, range: ByteRange | undefined) {
  const answer = await request(place, key, range);
  const etag = answer.ETag!;
  const bytes = answer.ContentLength;
  if (bytes === undefined || (range === undefined && bytes <= place.partBytes))
    return { body: await answer.Body!.transformToByteArray(), etag };
  const opened = answer.Body as Readable;
  const version: Version = { place, key, etag };
  if (range !== undefined) {
    const body = new Uint8Array(Math.min(bytes, range.length));
    await fill(version, body, range.offset, opened);
    return { body, etag };
  }
  opened.destroy();
  const body = await readParts(version, bytes);
  const expected = answer.Metadata?.['sha256'];
  if (expected !== undefined && sha256(body) !== expected)
    throw new Error(`Checksum mismatch: expected sha256 ${expected} of ${bytes} bytes`);
  return { body, etag };
}

interface Version {
  readonly place: Place;
  readonly key: string;
  readonly etag: string;
}

function request(place: Place, key: string, range: ByteRange | undefined, etag?: string) {
  const part = range && { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` };
  const pinned = etag === undefined ? {} : { IfMatch: etag };
  return place.client.send(new GetObjectCommand({ ...target(place, key), ...part, ...pinned }));
}

async function readParts(version: Version, bytes: number): Promise<Uint8Array> {
  const body = new Uint8Array(bytes);
  await inParallel(partsOf(bytes, version.place.partBytes), partsAtOnce, ({ offset, length }) =>
    fill(version, body.subarray(offset, offset + length), offset),
  );
  return body;
}

/** Fills `part` with the object's bytes from `offset` on. Gives up after some attempts in a row that brought nothing. */
async function fill(
  { place, key, etag }: Version,
  part: Uint8Array,
  offset: number,
  opened?: Readable,
): Promise<void> {
  let filled = 0;
  let body = opened;
  for (let fruitless = 0; filled < part.length; ) {
    const before = filled;
    let failure: unknown = new Error(`the body ended before byte ${offset + part.length}`);
    try {
      const rest = { offset: offset + filled, length: part.length - filled };
      body ??= (await request(place, key, rest, etag)).Body as Readable;
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        part.set(chunk, filled);
        filled += chunk.length;
      }
    } catch (error) {
      if (!isTransfer(error)) throw error;
      failure = error;
    }
    body = undefined;
    if (filled === part.length) return;
    fruitless = filled > before ? 0 : fruitless + 1;
    if (fruitless === attempts) throw failure;
    await pause(fruitless);
  }
}
