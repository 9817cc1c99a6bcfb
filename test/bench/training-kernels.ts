import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { openBackend } from '../../batch/backend/index.ts';
import { adamW, embeddingBag, sparseSoftmaxCrossEntropy } from '../../batch/backend/ops.ts';
import { normal, seededRandom } from '../../batch/training/random.ts';
import { softmaxLists } from '../fixtures/softmax-lists.ts';

/**
 * CPU milliseconds of the operations that a training step of two-tower is made of, as tfjs ships them (or composed of what it
 * ships) and as batch/backend has them. Shapes of MovieLens 1M: 3,417 rows of 64, 128 histories of about 110 events, 2 heads.
 */
const [rows, width, examples, heads] = [3_417, 64, 128, 2];
const events = examples * 110;

const random = normal(seededRandom(1));
const filled = (...shape: number[]): tf.Tensor =>
  tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, random), shape);
const indicesBelow = (limit: number, length: number): tf.Tensor1D =>
  tf.tensor1d(
    Int32Array.from({ length }, (_, i) => (i * 7_919) % limit),
    'int32',
  );

/** CPU ms of a call, the median of some. */
function cost(run: () => tf.TensorContainer): number {
  const once = (): number => {
    const before = process.cpuUsage();
    tf.tidy(() => {
      run();
    });
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e3;
  };
  once();
  const costs: number[] = [];
  const started = performance.now();
  while (costs.length < 5 || (performance.now() - started < 1_000 && costs.length < 100)) costs.push(once());
  return costs.sort((a, b) => a - b)[costs.length >> 1]!;
}

function inputs() {
  return {
    table: filled(rows, width) as tf.Tensor2D,
    queries: filled(examples, width) as tf.Tensor2D,
    logits: filled(examples, rows) as tf.Tensor2D,
    left: filled(examples, 50, width),
    right: filled(examples, width, 50),
    gathered: filled(events, width),
    weights: filled(events, heads) as tf.Tensor2D,
    items: indicesBelow(rows, events),
    bags: tf.tensor1d(
      Int32Array.from({ length: events }, (_, i) => Math.floor((i * examples) / events)),
      'int32',
    ),
    lists: softmaxLists(
      Array.from({ length: examples }, (_, row) => ({
        targets: [[1 + ((row * 31) % (rows - 1)), 1 / examples]],
      })),
    ),
  };
}
type Inputs = ReturnType<typeof inputs>;

/** What both kernels sets run, each under its name. */
const shared: Record<string, (x: Inputs) => tf.TensorContainer> = {
  'matMul a·b (logits · items)': ({ logits, table }) => tf.matMul(logits, table),
  'matMul a·bᵀ (queries · itemsᵀ)': ({ queries, table }) => tf.matMul(queries, table, false, true),
  'matMul aᵀ·b (logitsᵀ · queries)': ({ logits, queries }) => tf.matMul(logits, queries, true, false),
  'matMul, a batch of 128': ({ left, right }) => tf.matMul(left, right),
  'gather of rows': ({ table, items }) => tf.gather(table, items),
  'slice of rank 3': ({ left }) => tf.slice(left, [0, 1, 0], [examples, 49, width]),
};

/** Composed of tfjs's own operations; only forward, since the gradients lack kernels there. */
const composed: Record<string, (x: Inputs) => tf.TensorContainer> = {
  'embedding bag, forward': ({ table, items, weights }) => {
    const gathered = tf.reshape(tf.gather(table, items), [examples, events / examples, width]);
    const attention = tf.reshape(weights, [examples, events / examples, heads]);
    return tf.matMul(attention, gathered, true, false);
  },
  'softmax cross-entropy with gradient': ({ logits, lists }) => {
    const oneHot = tf.tensor2d(new Float32Array(examples * rows), [examples, rows]);
    return [tf.sub(tf.softmax(logits), oneHot), tf.logSoftmax(logits), lists.targets, lists.targetWeights];
  },
  'Adam over the table': ({ table }) => {
    const variable = tf.variable(table);
    const optimiser = tf.train.adam(1e-3);
    optimiser.applyGradients([{ name: variable.name, tensor: table }]);
    optimiser.dispose();
    variable.dispose();
    return [];
  },
};

function own(): Record<string, (x: Inputs) => tf.TensorContainer> {
  const variable = tf.variable(filled(rows, width));
  const moments = {
    mean: tf.variable(tf.zeros([rows, width])),
    variance: tf.variable(tf.zeros([rows, width])),
  };
  const options = { step: 1, learningRate: 1e-3, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0 };
  return {
    'embedding bag, forward': ({ table, weights, items, bags }) =>
      embeddingBag(table, weights, items, bags, examples),
    'embedding bag, forward and backward': ({ table, weights, items, bags }) =>
      tf.grads((t: tf.Tensor, w: tf.Tensor) =>
        tf.sum(embeddingBag(t as tf.Tensor2D, w as tf.Tensor2D, items, bags, examples)),
      )([table, weights]),
    'softmax cross-entropy with gradient': ({ logits, lists }) =>
      tf.grad((z: tf.Tensor) => sparseSoftmaxCrossEntropy(z as tf.Tensor2D, lists))(logits),
    'segment sum': ({ gathered, items }) => tf.unsortedSegmentSum(gathered as tf.Tensor2D, items, rows),
    'Adam over the table': ({ table }) => {
      adamW(variable, table, moments, options);
      return [];
    },
  };
}

export const bench = async (): Promise<void> => {
  await tf.setBackend('wasm');
  await tf.ready();
  const x = inputs();
  const measure = (operations: Record<string, (x: Inputs) => tf.TensorContainer>) =>
    new Map(Object.entries(operations).map(([name, run]) => [name, cost(() => run(x))]));
  const shipped = measure({ ...shared, ...composed });
  await openBackend('wasm');
  const ours = measure({ ...shared, ...own() });
  console.table(
    Object.fromEntries(
      [...ours].map(([name, after]) => {
        const before = shipped.get(name);
        return [
          name,
          {
            'tfjs, CPU ms': before === undefined ? 'no kernel' : Number(before.toFixed(2)),
            'here, CPU ms': Number(after.toFixed(2)),
            faster: before === undefined ? '' : `${(before / after).toFixed(1)} ×`,
          },
        ];
      }),
    ),
  );
};

if (import.meta.main) await bench();
