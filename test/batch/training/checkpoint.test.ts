import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { decodeCheckpoint, encodeCheckpoint } from '../../../batch/training/checkpoint.ts';
import { FitError } from '../../../shared/errors.ts';

const Progress = v.object({ step: v.number(), note: v.string() });
const state = {
  progress: { step: 7, note: 'größer' },
  arrays: new Map([
    ['table', Float32Array.of(1.5, -0, Number.NaN, 3e-40)],
    ['empty', new Float32Array(0)],
    ['bias', Float32Array.of(2)],
  ]),
};

describe('checkpoint', () => {
  it('gives back what was put in, bit by bit, from anywhere in a buffer', () => {
    const bytes = encodeCheckpoint('a', state);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    const found = decodeCheckpoint('a', Progress, shifted.subarray(3))!;
    expect(found.progress).toEqual(state.progress);
    expect([...found.arrays.keys()]).toEqual([...state.arrays.keys()]);
    for (const [name, values] of found.arrays)
      expect(new Uint8Array(values.buffer)).toEqual(new Uint8Array(state.arrays.get(name)!.buffer));
    expect(encodeCheckpoint('a', found)).toEqual(bytes);
  });

  it("passes over another training's state", () => {
    expect(decodeCheckpoint('b', Progress, encodeCheckpoint('a', state))).toBeUndefined();
  });

  it('refuses every shortened and every lengthened state with a FitError', () => {
    const bytes = encodeCheckpoint('a', state);
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeCheckpoint('a', Progress, bytes.subarray(0, length))).toThrow(FitError);
    const longer = new Uint8Array(bytes.length + 4);
    longer.set(bytes);
    expect(() => decodeCheckpoint('a', Progress, longer)).toThrow('4 bytes too many');
  });

  it('refuses other bytes and progress of another shape, saying what was found', () => {
    expect(() => decodeCheckpoint('a', Progress, new Uint8Array(64))).toThrow('found the magic number 0');
    const foreign = encodeCheckpoint('a', { ...state, progress: { step: 'seven' } });
    expect(() => decodeCheckpoint('a', Progress, foreign)).toThrow(/found progress with .*step/s);
  });
});
