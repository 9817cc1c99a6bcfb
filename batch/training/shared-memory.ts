/** Arrays that threads read without a copy. */

type Column = Uint8Array | Int32Array | Uint32Array | Float32Array | Float64Array;

/** A copy of these values in shared memory. */
export function shared<T extends Column>(values: T): T {
  const Kind = values.constructor as new (buffer: SharedArrayBuffer) => T;
  const copy = new Kind(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
}

/** These values where they are if that is shared memory, else a copy there. */
export const inSharedMemory = <T extends Column>(values: T): T =>
  values.buffer instanceof SharedArrayBuffer ? values : shared(values);

/** Where a batch's arrays are laid. What they hold at first is left over from earlier batches. */
export interface Arena {
  int32(length: number): Int32Array;
  float32(length: number): Float32Array;
}

/** Fresh memory of this thread's own, for arrays that are made once. */
export const heap: Arena = {
  int32: (length) => new Int32Array(length),
  float32: (length) => new Float32Array(length),
};

/** Where TensorFlow takes over a buffer as it lies, instead of copying it. */
const alignment = 64;
const chunkBytes = 2 ** 16;

/** An arena in shared memory that is filled again and again: once it has held the largest batch, it allocates no more. */
export function createArena(): Arena & { reset(): void } {
  let chunk = new SharedArrayBuffer(chunkBytes);
  let used = 0;
  let wanted = 0;
  const place = (bytes: number): number => {
    const padded = Math.ceil(bytes / alignment) * alignment;
    wanted += padded;
    if (used + padded > chunk.byteLength) {
      chunk = new SharedArrayBuffer(Math.max(2 * chunk.byteLength, padded));
      used = 0;
    }
    used += padded;
    return used - padded;
  };
  return {
    int32(length) {
      const start = place(length * 4);
      return new Int32Array(chunk, start, length);
    },
    float32(length) {
      const start = place(length * 4);
      return new Float32Array(chunk, start, length);
    },
    reset() {
      if (wanted > chunk.byteLength) chunk = new SharedArrayBuffer(2 ** Math.ceil(Math.log2(wanted)));
      used = 0;
      wanted = 0;
    },
  };
}
