import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs-core';
import { backendOf, openBackend } from '../../batch/backend/index.ts';
import { findGpu } from '../../batch/backend/native/gpu.ts';
import { folderOf, readInstallation } from '../../batch/backend/native/installation.ts';
import { variants } from '../../batch/backend/native/versions.ts';

/**
 * A stress that would show memory which TensorFlow gives back in the wrong thread: worker threads make batches as fast as they can, each
 * becomes a tensor, is used and freed at once, garbage is collected all the while, and every product is compared with JavaScript's.
 * `node test/bench/gpu.ts native` runs it on the CPU.
 */
const [workers, seconds, width] = [4, 30, 64];

interface Batch {
  readonly values: Float32Array<ArrayBuffer>;
  readonly rows: number;
  readonly sum: number;
}

if (!isMainThread && workerData === 'batches') {
  parentPort!.on('message', () => {
    const rows = 1 + Math.floor(Math.random() * 4_096);
    const values = Float32Array.from({ length: rows * width }, () => Math.floor(Math.random() * 8));
    const batch: Batch = { values, rows, sum: values.reduce((a, b) => a + b, 0) };
    parentPort!.postMessage(batch, [values.buffer]);
  });
}

async function stress(name: string): Promise<string> {
  const { reason } = await openBackend(backendOf(name));
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const ones = tf.ones([width, 1]);
  const before = tf.memory().numTensors;
  let batches = 0;
  const end = performance.now() + seconds * 1e3;
  const use = ({ values, rows, sum }: Batch): void => {
    // Whole numbers below 2²⁴, so that float32 adds them without an error, in any order.
    const [found] = tf.tidy(() => tf.sum(tf.matMul(tf.tensor2d(values, [rows, width]), ones)).dataSync());
    if (found !== sum) throw new Error(`batch ${batches}: expected the sum ${sum}, found ${found}`);
    if (++batches % 50 === 0) collect();
  };
  await Promise.all(
    Array.from({ length: workers }, async () => {
      const worker = new Worker(import.meta.filename, { workerData: 'batches' });
      while (performance.now() < end) {
        worker.postMessage(null);
        const [batch] = (await once(worker, 'message')) as [Batch];
        use(batch);
      }
      await worker.terminate();
    }),
  );
  const left = tf.memory().numTensors - before;
  if (left !== 0) throw new Error(`expected no tensor left over, found ${left}`);
  return `${name} (${reason}): ${batches} batches from ${workers} threads in ${seconds} s, every sum right, no tensor left over`;
}

export async function bench(): Promise<void> {
  const gpu = readInstallation(folderOf('gpu'))
    ? await findGpu()
    : { missing: `it is not set up: ${variants.gpu.command}` };
  if ('missing' in gpu) {
    console.log(`SKIP: no stress on a GPU: ${gpu.missing}`);
    return;
  }
  // In a process of its own, since what it looks for ends the process.
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [import.meta.filename, 'gpu'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`expected exit status 0, found ${status ?? signal}: ${stderr}`);
  console.log(stdout.trim());
}

if (isMainThread && import.meta.main) console.log(await stress(process.argv[2] ?? 'gpu'));
