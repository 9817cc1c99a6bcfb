import { ReleaseError } from '../../shared/errors.ts';
import { type RankerQuestion, rankerFeatures } from '../../shared/features.ts';
import type { RankerArtifact } from '../recommender.ts';
import { gather } from './gather.ts';
import { openOnnx } from './onnx/session.ts';

/**
 * A ranker's artifact, computed the way the edge will: the same network in the same runtime, of features by the same code.
 * With the model's own float table it must yield the model's probabilities; with the quantised one what the edge must reproduce.
 */
export interface RankerScorer extends AsyncDisposable {
  /**
   * The probability of each candidate, [C].
   * @throws ReleaseError when the network does not yield as many probabilities
   */
  probabilities(question: RankerQuestion): Promise<Float32Array>;
}

/** @throws ReleaseError when onnxruntime does not accept the network */
export async function openRanker({ items, network, maxHistory }: RankerArtifact): Promise<RankerScorer> {
  const session = await openOnnx(network.onnx);
  const shape = { inputs: network.inputs, maxHistory };
  return {
    async probabilities(question) {
      const features = rankerFeatures(shape, question, (rows) => gather(items, rows));
      const { probability } = await session.run(features);
      const expected = question.candidates.length;
      if (probability?.data.length !== expected) {
        throw new ReleaseError(
          `onnx: expected an output 'probability' of ${expected} values, found ${probability?.data.length ?? 'none'}`,
        );
      }
      const bad = probability.data.find((value) => !(value >= 0 && value <= 1));
      if (bad !== undefined) {
        throw new ReleaseError(`onnx: expected probabilities between 0 and 1, found ${bad}`);
      }
      return probability.data;
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
