import * as v from 'valibot';
import { canonicalJson } from '../../shared/canonical-json.ts';
import { FitError } from '../../shared/errors.ts';

/** Where a training stands: plain values, and arrays by name. */
export interface Checkpoint<Progress> {
  readonly progress: Progress;
  readonly arrays: ReadonlyMap<string, Float32Array>;
}

const magic = 0x4b434750; // "PGCK"
const headerBytes = 8;

const Header = v.object({
  /** What is being trained, in whatever detail makes a state of something else unusable. */
  identity: v.string(),
  progress: v.unknown(),
  arrays: v.array(v.object({ name: v.string(), length: v.pipe(v.number(), v.integer(), v.minValue(0)) })),
});

/**
 * Little-endian: uint32 magic, uint32 length of a JSON header, the header padded with spaces to a multiple of 4, then the
 * arrays, float32, one after another. Equal states give equal bytes.
 */
export function encodeCheckpoint(identity: string, { progress, arrays }: Checkpoint<unknown>): Uint8Array {
  const entries = [...arrays].map(([name, { length }]) => ({ name, length }));
  const json = canonicalJson({ identity, progress, arrays: entries });
  const text = new TextEncoder().encode(json);
  const textBytes = Math.ceil(text.length / 4) * 4;
  const floats = entries.reduce((sum, { length }) => sum + length, 0);
  const bytes = new Uint8Array(headerBytes + textBytes + floats * 4);
  new Uint32Array(bytes.buffer, 0, 2).set([magic, textBytes]);
  bytes.fill(0x20, headerBytes, headerBytes + textBytes);
  bytes.set(text, headerBytes);
  let at = headerBytes + textBytes;
  for (const values of arrays.values()) {
    new Float32Array(bytes.buffer, at, values.length).set(values);
    at += values.byteLength;
  }
  return bytes;
}

/**
 * Reads what {@link encodeCheckpoint} wrote.
 * @param place where the bytes come from, for the message
 * @returns undefined when the state is that of another identity: other data or options, an older format
 * @throws FitError when the bytes are not a whole checkpoint
 */
export function decodeCheckpoint<Progress>(
  identity: string,
  Progress: v.GenericSchema<unknown, Progress>,
  stored: Uint8Array,
  place = 'checkpoint',
): Checkpoint<Progress> | undefined {
  const bytes = stored.slice();
  const fail = (found: string, cause?: unknown): never => {
    throw new FitError(
      `${place}: expected a whole training state, found ${found}; remove it to start afresh`,
      { cause },
    );
  };
  if (bytes.length < headerBytes) return fail(`${bytes.length} bytes`);
  const [found, textBytes] = new Uint32Array(bytes.buffer, 0, 2) as unknown as [number, number];
  if (found !== magic) return fail(`the magic number ${found}`);
  const header = parseOr(Header, bytes.subarray(headerBytes, headerBytes + textBytes), fail);
  if (header.identity !== identity) return undefined;
  const arrays = new Map<string, Float32Array>();
  let at = headerBytes + textBytes;
  for (const { name, length } of header.arrays) {
    if (at + length * 4 > bytes.length) return fail(`${bytes.length} bytes where '${name}' ends later`);
    arrays.set(name, new Float32Array(bytes.buffer, at, length).slice());
    at += length * 4;
  }
  if (at !== bytes.length) return fail(`${bytes.length - at} bytes too many`);
  const progress = v.safeParse(Progress, header.progress);
  if (!progress.success) return fail(`progress with ${v.summarize(progress.issues)}`);
  return { progress: progress.output, arrays };
}

function parseOr<T>(
  schema: v.GenericSchema<unknown, T>,
  json: Uint8Array,
  fail: (found: string, cause: unknown) => never,
): T {
  try {
    return v.parse(schema, JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json)));
  } catch (cause) {
    return fail('an unreadable header', cause);
  }
}
