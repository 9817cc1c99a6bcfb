import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createReleaseMemory, type Region } from '../../edge/kernel/memory.ts';

const budget = 1024 * 1024;

it('keeps every region whole and apart through any sequence of reserving and freeing', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(400_000)), { maxLength: 40 }), (steps) => {
      const { memory, reserve } = createReleaseMemory(budget);
      const held: { region: Region; mark: number }[] = [];
      let mark = 0;
      for (const [free, number] of steps) {
        const used = held.reduce((sum, { region }) => sum + region.bytes, 0);
        if (free) held.splice(number % Math.max(1, held.length), 1)[0]?.region.free();
        else if (used + number + 64 <= budget) {
          const region = reserve(number);
          mark = (mark + 1) % 256;
          new Uint8Array(memory.buffer, region.address, region.bytes).fill(mark);
          held.push({ region, mark });
        } else expect(() => reserve(number + 64)).toThrow('memory: expected a release of at most');
        for (const { region, mark: expected } of held) {
          const bytes = new Uint8Array(memory.buffer, region.address, region.bytes);
          expect(bytes.every((byte) => byte === expected)).toBe(true);
          expect(region.address % 64).toBe(0);
        }
      }
      expect(memory.buffer.byteLength).toBeLessThanOrEqual(budget);
    }),
    { numRuns: 100, seed: 7 },
  );
});

it('reuses what a freed region leaves: swapping for ever takes two releases of memory', () => {
  const { memory, reserve } = createReleaseMemory(budget);
  let serving = reserve(300_000);
  for (let i = 0; i < 20; i++) {
    const next = reserve(290_000 + 1_000 * (i % 20));
    serving.free();
    serving.free();
    serving = next;
  }
  expect(memory.buffer.byteLength).toBeLessThanOrEqual(Math.ceil(620_000 / 65_536) * 65_536);
});

it('tells what it had and what it was asked for', () => {
  const { reserve } = createReleaseMemory(budget);
  reserve(600_000);
  expect(() => reserve(500_000)).toThrow(
    'expected a release of at most 448576 bytes (a budget of 1048576, of which 600000 are in use), found one of 500032 bytes',
  );
});
