import * as tf from '@tensorflow/tfjs-core';
import type { EmbeddingTable, Model } from '../recommender.ts';
import type { Parameters } from '../training/optimiser.ts';
import { decode, encode, type Tensors } from './mult-vae-network.ts';
import { encoderOnnx } from './mult-vae-onnx.ts';
import type { Problem } from './mult-vae-problem.ts';
import { bagsOf, itemSet } from './mult-vae-sets.ts';

const queriesAtOnce = 512;

type Context = Pick<Problem, 'popularity' | 'options'>;

/** Scores as `Model.score` does, with the parameters as they stand. Holds no tensor after it. */
export const scoreWith =
  (parameters: Tensors, { popularity, options }: Context): Model['score'] =>
  async (queries, candidates) => {
    const rows = popularity.length;
    const scores: Float32Array[] = [];
    for (let start = 0; start < queries.length; start += queriesAtOnce) {
      const histories = queries.slice(start, start + queriesAtOnce).map(({ history }) => history);
      const sets = bagsOf(histories.map((history) => itemSet(history, options.maxHistory)));
      const product = tf.tidy(() => {
        const query = decode(parameters, encode(parameters, sets).mean);
        const logits = tf.matMul(query, parameters['items'] as tf.Tensor2D, false, true);
        return tf.add(logits, parameters['items.bias']!);
      });
      const values = (await product.data()) as Float32Array;
      product.dispose();
      for (const [at, { items }] of histories.entries()) {
        const own = items.length === 0 ? popularity : values.subarray(at * rows, (at + 1) * rows);
        const wanted = candidates?.[start + at];
        scores.push(wanted === undefined ? own.slice() : Float32Array.from(wanted, (item) => own[item]!));
      }
    }
    return scores;
  };

/** A trained autoencoder; nothing of the parameters' own tensors is kept. */
export function createModel(parameters: Parameters, context: Context, fittedOptions: unknown): Model {
  // Clones share the values and outlive the variables.
  const own = Object.fromEntries(
    Object.entries(parameters).map(([name, variable]) => [name, tf.clone(variable)]),
  );
  const encoder = encoderOnnx(own);
  return {
    fittedOptions,
    score: scoreWith(own, context),
    export: async () => ({
      kind: 'embedding',
      items: { ...(await table(own['items']!)), bias: (await own['items.bias']!.data()) as Float32Array },
      history: await table(own['history']!),
      encoder: { onnx: encoder, inputs: ['rows', 'itemWeights'] },
      maxHistory: context.options.maxHistory,
    }),
    [Symbol.dispose]: () => tf.dispose(own),
  };
}

/** Without the padding row's values, which were never trained. */
async function table(tensor: tf.Tensor): Promise<EmbeddingTable> {
  const [rows, dimensions] = tensor.shape as [number, number];
  const values = ((await tensor.data()) as Float32Array).slice().fill(0, 0, dimensions);
  return { rows, dimensions, values };
}
