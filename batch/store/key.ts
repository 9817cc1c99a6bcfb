import { StoreError } from '../../shared/errors.ts';
import type { ByteRange } from './store.ts';

/** S3's limit on a key, and what common file systems allow a path segment. Bytes of UTF-8. */
const maxKeyBytes = 1_024;
const maxSegmentBytes = 255;

// biome-ignore lint/suspicious/noControlCharactersInRegex: what XML, in which S3 lists, cannot hold
const controlCharacter = /[\u0000-\u001f\u007f\ufffe\uffff]/;

/**
 * A key that every store can hold and no store can read as a way out of itself.
 * @throws StoreError which says what is wrong with the key
 */
export function assertKey(store: string, key: string): void {
  const fault = keyFault(key);
  if (fault !== undefined) throw new StoreError(`${store}: invalid key ${JSON.stringify(key)}: ${fault}`);
}

function keyFault(key: string): string | undefined {
  if (key === '') return 'expected at least one character';
  if (!key.isWellFormed()) return 'expected well-formed Unicode';
  if (controlCharacter.test(key)) return 'expected no control characters';
  if (key.includes('\\')) return 'expected / between segments, found \\';
  if (Buffer.byteLength(key) > maxKeyBytes) return `expected at most ${maxKeyBytes} bytes`;
  for (const segment of key.split('/')) {
    if (segment === '' || segment === '.' || segment === '..')
      return `expected no empty, '.' or '..' segments, found '${segment}'`;
    if (Buffer.byteLength(segment) > maxSegmentBytes)
      return `expected segments of at most ${maxSegmentBytes} bytes`;
  }
  return undefined;
}

/** Order of the keys' UTF-8 bytes, in which object stores list. */
export const compareKeys = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** @throws StoreError unless both ends are whole numbers from 0 */
export function assertRange(store: string, key: string, { offset, length }: ByteRange): void {
  if (Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0) return;
  throw new StoreError(`${store}: '${key}': expected a range of bytes from 0, found ${offset} + ${length}`);
}
