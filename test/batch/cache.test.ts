import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openCache } from '../../batch/cache.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'perigee-cache-'));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('the stage cache', () => {
  it('computes once for the same inputs, in this process and the next', async () => {
    const value = { scores: new Float32Array([1, 2]), names: new Map([['a', 1]]) };
    const compute = async () => value;
    const first = await openCache(directory);
    expect(await first.get('stage', { b: 1, a: 2 }, compute)).toEqual({ value, reused: false });
    const second = await openCache(directory);
    const never = async (): Promise<typeof value> => {
      throw new Error('computed again');
    };
    expect(await second.get('stage', { a: 2, b: 1 }, never)).toEqual({ value, reused: true });
    await expect(second.get('stage', { a: 2, b: 2 }, never)).rejects.toThrow('computed again');
    await expect(second.get('other', { a: 2, b: 1 }, never)).rejects.toThrow('computed again');
  });

  it('computes again what a crash of the machine has spoilt', async () => {
    const cache = await openCache(directory);
    await cache.get('stage', {}, async () => 1);
    for (const file of readdirSync(directory)) writeFileSync(path.join(directory, file), '');
    expect(await cache.get('stage', {}, async () => 2)).toEqual({ value: 2, reused: false });
  });

  it('forgets what was not used for longest, and nothing that this run used', async () => {
    const big = async () => new Uint8Array(1_000);
    const earlier = await openCache(directory);
    for (const stage of ['first', 'second', 'third']) await earlier.get(stage, {}, big);
    for (const [age, stage] of ['third', 'second', 'first'].entries()) {
      const file = readdirSync(directory).find((name) => name.startsWith(stage))!;
      utimesSync(path.join(directory, file), 1e9 - age, 1e9 - age);
    }
    const cache = await openCache(directory, 2_900);
    expect((await cache.get('first', {}, big)).reused).toBe(true);
    await cache.get('fourth', {}, big);
    const left = readdirSync(directory).map((name) => name.split('-')[0]);
    expect(left.sort()).toEqual(['first', 'fourth']);
    await cache.get('fifth', {}, big);
    expect(readdirSync(directory).length).toBe(3);
  });

  it('keeps a checkpoint while a stage is unfinished, and none after', async () => {
    const cache = await openCache(directory);
    const state = new Uint8Array([1, 2, 3]);
    const killed = cache.get('fit', {}, async (checkpoints) => {
      expect(await checkpoints.load()).toBeUndefined();
      await checkpoints.save(state);
      throw new Error('killed');
    });
    await expect(killed).rejects.toThrow('killed');
    await cache.get('fit', {}, async (checkpoints) => {
      expect(Uint8Array.from((await checkpoints.load())!)).toEqual(state);
    });
    expect(readdirSync(directory).filter((file) => file.endsWith('.checkpoint'))).toEqual([]);
  });
});
