import runtimeModule from 'onnxruntime-web/ort-wasm-simd-threaded.wasm';
import * as ort from 'onnxruntime-web/wasm';
import { ReleaseError } from '../shared/errors.ts';
import type { Encoder, EncoderFeeds } from './encode.ts';

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
  let session: ort.InferenceSession;
  try {
    session = await ort.InferenceSession.create(model, {
      executionProviders: ['wasm'],
      enableCpuMemArena: false,
    });
  } catch (cause) {
    throw new ReleaseError(`encoder: expected a model that onnxruntime reads: ${(cause as Error).message}`, {
      cause,
    });
  }
  return {
    run: (feeds) => alone(() => run(session, feeds)),
    release: () => session.release(),
  };
}

async function run(session: ort.InferenceSession, feeds: EncoderFeeds): Promise<Float32Array> {
  const tensors: Record<string, ort.Tensor> = {};
  for (const [name, { data, dimensions }] of Object.entries(feeds)) {
    tensors[name] = new ort.Tensor('float32', data, dimensions);
  }
  const { query } = await session.run(tensors);
  if (query?.type !== 'float32') {
    throw new ReleaseError(`encoder: expected an output 'query' of float32, found ${query?.type ?? 'none'}`);
  }
  return query.data as Float32Array;
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
