/** A set of numbers below a size that is emptied in no time: each number holds the count of the emptying after which it came. */
export interface Marks {
  clear(): void;
  /** @returns whether it was not there yet */
  add(number: number): boolean;
}

export function createMarks(size: number): Marks {
  const stamps = new Uint32Array(size);
  let now = 1;
  return {
    clear: () => void now++,
    add(number) {
      if (stamps[number] === now) return false;
      stamps[number] = now;
      return true;
    },
  };
}
