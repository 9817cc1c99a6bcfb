import * as tf from '@tensorflow/tfjs-core';

/** What a layer is told besides the tensors that it is differentiable by. */
export interface Told {
  readonly constants?: readonly tf.Tensor[];
  readonly numbers?: readonly number[];
}

/**
 * A layer as one kernel each way, or undefined where the backend that is open has none and it has to be composed. The kernel takes the
 * tensors and constants, and yields the layer's output, and what its gradient needs besides the tensors; the kernel `<name>Grad` takes the
 * output's gradient, the tensors, the constants and that, and yields a gradient for each of the tensors.
 */
export function fused(
  name: string,
  tensors: readonly tf.Tensor[],
  { constants = [], numbers = [] }: Told = {},
): tf.Tensor | undefined {
  if (!tf.getKernel(name, tf.getBackend())) return undefined;
  const run = (kernel: string, inputs: readonly tf.Tensor[]): tf.Tensor[] =>
    tf
      .engine()
      .runKernel<tf.Tensor[]>(kernel, Object.fromEntries(inputs.entries()), { numbers: [...numbers] });
  const layer = tf.customGrad((...args) => {
    const save = args.at(-1) as unknown as tf.GradSaveFunc;
    const inputs = args.slice(0, -1) as tf.Tensor[];
    const [value, ...kept] = run(name, [...inputs, ...constants]);
    save([...inputs, ...constants, ...kept]);
    return {
      value: value!,
      gradFunc: (dy, saved) => run(`${name}Grad`, [dy as tf.Tensor, ...(saved as tf.Tensor[])]),
    };
  });
  return layer(...tensors);
}
