import type { ByteRange } from './store.ts';

/** How large objects are moved: in pieces of this size, bytes, so many at once. S3 allows parts from 5 MiB. */
export const defaultPartBytes = 16 * 1024 * 1024;
export const partsAtOnce = 4;

/** The ranges of `partBytes` that make up `bytes`; the last one is what is left. */
export function* partsOf(bytes: number, partBytes: number): Generator<ByteRange> {
  for (let offset = 0; offset < bytes; offset += partBytes)
    yield { offset, length: Math.min(partBytes, bytes - offset) };
}

/**
 * Runs an action on each input, at most `width` at a time. After a failure none starts any more; those that run are
 * waited for, so that nothing goes on behind the caller's back.
 * @throws the first failure
 */
export async function inParallel<T>(
  inputs: Iterable<T>,
  width: number,
  action: (input: T) => Promise<unknown>,
): Promise<void> {
  const left = inputs[Symbol.iterator]();
  const failures: unknown[] = [];
  const work = async (): Promise<void> => {
    for (let next = left.next(); !next.done && failures.length === 0; next = left.next()) {
      try {
        await action(next.value);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  if (failures.length > 0) throw failures[0];
}
