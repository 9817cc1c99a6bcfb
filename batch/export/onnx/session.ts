import * as ort from 'onnxruntime-web/wasm';
import { ReleaseError } from '../../../shared/errors.ts';
import type { FeatureTensor } from '../../../shared/features.ts';

/** An ONNX model ready to run in this process, by the same runtime that the edge uses. */
export interface OnnxSession extends AsyncDisposable {
  /**
   * float32 or int32 in, float32 out, by name. One run at a time.
   * @throws ReleaseError when onnxruntime cannot compute it
   */
  run(inputs: Readonly<Record<string, FeatureTensor>>): Promise<Record<string, FloatTensor>>;
}

export interface FloatTensor {
  readonly data: Float32Array;
  readonly dimensions: readonly number[];
}

/** @throws ReleaseError when onnxruntime does not accept the model */
export async function openOnnx(model: Uint8Array): Promise<OnnxSession> {
  ort.env.wasm.numThreads = 1;
  let session: ort.InferenceSession;
  try {
    session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'], logSeverityLevel: 3 });
  } catch (cause) {
    throw new ReleaseError(`onnx: expected a model that onnxruntime reads: ${(cause as Error).message}`, {
      cause,
    });
  }
  return {
    async run(inputs) {
      const feeds: Record<string, ort.Tensor> = {};
      for (const [name, { data, dimensions }] of Object.entries(inputs)) {
        feeds[name] =
          data instanceof Int32Array
            ? new ort.Tensor('int32', data, dimensions)
            : new ort.Tensor('float32', data, dimensions);
      }
      const results: Record<string, FloatTensor> = {};
      const computed = await session.run(feeds).catch((cause: Error) => {
        throw new ReleaseError(`onnx: expected a model that onnxruntime computes: ${cause.message}`, {
          cause,
        });
      });
      for (const [name, tensor] of Object.entries(computed)) {
        results[name] = { data: tensor.data as Float32Array, dimensions: tensor.dims };
      }
      return results;
    },
    [Symbol.asyncDispose]: () => session.release(),
  };
}
