import * as tf from '@tensorflow/tfjs-core';
import { registerGradients } from './gradients.ts';
import { registerOpGradients } from './ops.ts';
import { openWasm } from './wasm.ts';

/** A TensorFlow device that is ready to train. `tf` is the one engine of the process. */
export interface Backend {
  readonly name: 'wasm';
  readonly tf: typeof tf;
}

/** Makes TensorFlow.js ready; calls after the first change nothing. Another device is one more file beside wasm.ts. */
export async function openBackend(): Promise<Backend> {
  await registerGradients();
  registerOpGradients();
  return { name: await openWasm(), tf };
}
