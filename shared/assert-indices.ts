import { ReleaseError } from './errors.ts';

/** @throws ReleaseError when the offsets of a file's section do not rise from 0 to `end` */
export function assertOffsets(file: string, what: string, offsets: Uint32Array, end: number): void {
  for (let i = 1; i < offsets.length; i++) {
    if (offsets[i]! < offsets[i - 1]!)
      throw new ReleaseError(`${file}: expected rising ${what} offsets, found a fall at row ${i}`);
  }
  if (offsets[0] !== 0 || offsets.at(-1) !== end)
    throw new ReleaseError(`${file}: expected ${what} offsets from 0 to ${end}`);
}

/** @throws ReleaseError when a file's section names a row that does not exist */
export function assertRows(file: string, what: string, indices: Uint32Array, rows: number): void {
  for (const index of indices) {
    if (index >= rows)
      throw new ReleaseError(`${file}: expected rows below ${rows} in ${what}, found ${index}`);
  }
}
