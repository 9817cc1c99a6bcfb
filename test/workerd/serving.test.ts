import { afterEach, beforeEach, expect, inject, it, vi } from 'vitest';
import { createKernel } from '../../edge/kernel/kernel.ts';
import kernelModule from '../../edge/kernel/kernel.wasm';
import { createReleaseMemory, type ReleaseMemory } from '../../edge/kernel/memory.ts';
import { type Loader, loadRelease } from '../../edge/load-release.ts';
import { openEncoder, openRanker } from '../../edge/onnx.ts';
import { HttpProblem } from '../../edge/problems.ts';
import type { ServingState } from '../../edge/release.ts';
import { createServing } from '../../edge/serving.ts';
import type { Source } from '../../edge/source.ts';
import { channelKey } from '../../shared/release.ts';

const releaseId = inject('releaseId');
const decode = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** The real release; a key that `hold` names is not answered until it is let go. */
function heldSource() {
  const objects = new Map(Object.entries(inject('store')).map(([key, text]) => [key, decode(text)]));
  const asked: string[] = [];
  let held: { readonly name: string; readonly gate: PromiseWithResolvers<void> } | undefined;
  const source: Source = {
    description: 'the test',
    async open(key, { range } = {}) {
      asked.push(key);
      if (held && key.endsWith(held.name)) await held.gate.promise;
      const bytes = objects.get(key);
      if (bytes === undefined) return undefined;
      const part = range ? bytes.slice(range.offset, range.offset + range.length) : bytes.slice();
      return { body: new Blob([part]).stream(), offset: range?.offset ?? 0 };
    },
  };
  return {
    source,
    objects,
    asked,
    hold(name: string) {
      held = { name, gate: Promise.withResolvers() };
    },
    letGo() {
      held?.gate.resolve();
      held = undefined;
    },
  };
}

const loaderOf = (source: Source, memory: ReleaseMemory): Loader => ({
  source,
  memory,
  kernel: createKernel(kernelModule, memory.memory),
  openEncoder,
  openRanker,
  rankBudget: Number.POSITIVE_INFINITY,
});

const mebibyte = 1024 * 1024;
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 200));

let now = 0;
beforeEach(() => {
  now = 1_000_000;
  vi.spyOn(Date, 'now').mockImplementation(() => now);
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
});

it('leaves memory alone that is no longer its own when a load is given up', async () => {
  const memory = createReleaseMemory(64 * mebibyte);
  const held = heldSource();
  held.hold('encoder.onnx');
  const abandon = new AbortController();
  const load = loadRelease(loaderOf(held.source, memory), releaseId, abandon.signal);
  load.catch(() => undefined);
  await settled();
  abandon.abort();
  const other = memory.reserve(mebibyte);
  new Uint8Array(memory.memory.buffer, other.address, other.bytes).fill(0xab);
  held.letGo();
  await expect(load).rejects.toThrow('loading was given up');
  const bytes = new Uint8Array(memory.memory.buffer, other.address, other.bytes);
  expect(bytes.every((byte) => byte === 0xab)).toBe(true);
});

it('gives an update up after 25 s, says so, waits before it tries again, and then serves', async () => {
  const held = heldSource();
  const pointer = JSON.parse(new TextDecoder().decode(held.objects.get(channelKey('production')))) as object;
  const serving = createServing({
    loader: loaderOf(held.source, createReleaseMemory(64 * mebibyte)),
    channel: 'production',
    pollInterval: 1_000,
  });
  const state = (): Promise<ServingState> =>
    serving.use(
      () => undefined,
      (_release, current) => current,
    );
  expect((await state()).lastFailure).toBeUndefined();

  const next = 'ffffffffffffffff';
  const moved = { ...pointer, releases: [{ releaseId: next, weight: 1 }] };
  held.objects.set(
    channelKey('production'),
    Uint8Array.from(new TextEncoder().encode(JSON.stringify(moved))),
  );
  held.hold(`${next}/manifest.json`);
  const manifests = (): number => held.asked.filter((key) => key.includes(next)).length;
  now += 1_001;
  await state();
  await settled();
  expect(manifests()).toBe(1);

  now += 25_001;
  expect((await state()).lastFailure).toMatchObject({
    releaseId: next,
    reason: `release ${next}: expected to be loaded within 25 s`,
  });
  await settled();
  expect(manifests(), 'while it waits').toBe(1);

  now += 1_001;
  await state();
  await settled();
  expect(manifests(), 'after it waited').toBe(2);
  held.letGo();
});

it('tells the public what was expected of the store, and no address', async () => {
  const memory = createReleaseMemory(64 * mebibyte);
  const source: Source = {
    description: 'the test',
    open: () => Promise.reject(new TypeError('cannot reach https://user:secret@internal.example')),
  };
  const serving = createServing({
    loader: loaderOf(source, memory),
    channel: 'production',
    pollInterval: 1_000,
  });
  const refused = serving.use(
    () => undefined,
    () => undefined,
  );
  await expect(refused).rejects.toThrow(HttpProblem);
  await expect(refused).rejects.toThrow('an unexpected error; it was logged');
});
