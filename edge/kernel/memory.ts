import { ReleaseError } from '../../shared/errors.ts';
import { align } from '../../shared/release.ts';

/**
 * The isolate's one WebAssembly.Memory, divided among releases. WebAssembly memory never shrinks and is collected late,
 * so a second one would cost for good; here the next release writes over what the last one left. While the next is
 * loaded and proven, the one that serves stays where it is: a swap fits when both fit the budget together.
 */
export interface ReleaseMemory {
  readonly memory: WebAssembly.Memory;
  /**
   * Takes `bytes` behind all that is in use. Regions above gaps move down first, and the memory may grow, which detaches
   * its views: whoever keeps addresses or views makes them anew when {@link Region.address} or `memory.buffer` changed.
   * @throws ReleaseError when the budget does not hold `bytes` more
   */
  reserve(bytes: number): Region;
}

/** Bytes that one release holds. */
export interface Region {
  /** Address of the first byte, a multiple of 64. */
  readonly address: number;
  readonly bytes: number;
  /** False once freed: the bytes may be another release's. */
  readonly held: boolean;
  free(): void;
}

const page = 65_536;

/** Makes the memory; it grows up to `budgetBytes` as releases need it. */
export function createReleaseMemory(budgetBytes: number): ReleaseMemory {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: Math.ceil(budgetBytes / page) });
  const regions: { address: number; readonly bytes: number }[] = [];

  function compact(): number {
    let end = 0;
    for (const region of regions) {
      if (region.address > end) {
        new Uint8Array(memory.buffer).copyWithin(end, region.address, region.address + region.bytes);
        region.address = end;
      }
      end += region.bytes;
    }
    return end;
  }

  return {
    memory,
    reserve(wanted) {
      const bytes = align(wanted);
      const address = compact();
      if (address + bytes > budgetBytes) {
        throw new ReleaseError(
          `memory: expected a release of at most ${budgetBytes - address} bytes (a budget of ${budgetBytes}, of which ` +
            `${address} are in use), found one of ${bytes} bytes`,
        );
      }
      const missing = address + bytes - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / page));
      const region = {
        address,
        bytes,
        held: true,
        free() {
          if (!region.held) return;
          region.held = false;
          regions.splice(regions.indexOf(region), 1);
        },
      };
      regions.push(region);
      return region;
    },
  };
}
