import runtimeModule from 'onnxruntime-web/ort-wasm-simd-threaded.wasm';
import * as ort from 'onnxruntime-web/wasm';
import { ReleaseError } from '../shared/errors.ts';
import type { FeatureTensor } from '../shared/features.ts';
import type { Encoder } from './encode.ts';
import type { Ranker } from './rank.ts';

/**
 * onnxruntime-web inside workerd. Workers forbid compiling WebAssembly from bytes, and onnxruntime has no hook that takes
 * a compiled module. So it is given an empty buffer as its binary, by which the one call of `WebAssembly.instantiate`
 * that it makes is recognised and answered with the module that wrangler compiled. Depends on how this exact version
 * loads: keep it pinned.
 */
const placeholder = new ArrayBuffer(0);

Object.assign(ort.env.wasm, { numThreads: 1, proxy: false, wasmBinary: placeholder });
ort.env.logLevel = 'error';

const instantiate = WebAssembly.instantiate;
function instantiateRuntime(source: unknown, imports?: WebAssembly.Imports): Promise<unknown> {
  if (!ArrayBuffer.isView(source) || source.buffer !== placeholder) {
    return instantiate(source as WebAssembly.Module, imports);
  }
  WebAssembly.instantiate = instantiate;
  return Promise.resolve({
    module: runtimeModule,
    instance: new WebAssembly.Instance(runtimeModule, imports),
  });
}
WebAssembly.instantiate = instantiateRuntime as typeof WebAssembly.instantiate;

/**
 * Opens an encoder: a model with one output, `query`.
 * @throws ReleaseError when onnxruntime does not accept the model
 */
export async function openEncoder(model: Uint8Array): Promise<Encoder> {
  const session = await open('encoder', model);
  return {
    run: (feeds) => alone(() => run('encoder', session, feeds, 'query')),
    release: () => session.release(),
  };
}

/**
 * Opens a ranker: a model with one output, `probability`.
 * @throws ReleaseError when onnxruntime does not accept the model
 */
export async function openRanker(model: Uint8Array): Promise<Ranker> {
  const session = await open('ranker', model);
  return {
    run: (feeds) =>
      alone(async () => {
        const started = performance.now();
        const probabilities = await run('ranker', session, feeds, 'probability');
        return { probabilities, milliseconds: performance.now() - started };
      }),
    release: () => session.release(),
  };
}

async function open(what: string, model: Uint8Array): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(model, {
      executionProviders: ['wasm'],
      enableCpuMemArena: false,
    });
  } catch (cause) {
    throw new ReleaseError(`${what}: expected a model that onnxruntime reads: ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function run(
  what: string,
  session: ort.InferenceSession,
  feeds: Readonly<Record<string, FeatureTensor>>,
  output: string,
): Promise<Float32Array> {
  const tensors: Record<string, ort.Tensor> = {};
  for (const [name, { data, dimensions }] of Object.entries(feeds)) {
    tensors[name] =
      data instanceof Int32Array
        ? new ort.Tensor('int32', data, dimensions)
        : new ort.Tensor('float32', data, dimensions);
  }
  const { [output]: found } = await session.run(tensors);
  if (found?.type !== 'float32') {
    throw new ReleaseError(
      `${what}: expected an output '${output}' of float32, found ${found?.type ?? 'none'}`,
    );
  }
  return found.data as Float32Array;
}

/**
 * One run at a time: onnxruntime keeps a run's arguments on its WebAssembly stack across awaits. A run that starts in
 * between would have them overwritten, and the two would restore the stack in the wrong order, so that it shrinks for
 * good. A run awaits nothing but microtasks, so whoever finds another one under way lets microtasks pass; a lock's queue
 * could be left hanging by a request that its client gave up.
 */
let running = false;
async function alone<T>(task: () => Promise<T>): Promise<T> {
  while (running) await undefined;
  running = true;
  try {
    return await task();
  } finally {
    running = false;
  }
}
