import { spawnSync } from 'node:child_process';
import * as tf from '@tensorflow/tfjs-core';
import * as v from 'valibot';
import { type BackendName, backendNames, openBackend } from '../../batch/backend/index.ts';
import { TwoTowerOptions } from '../../batch/models/two-tower.ts';
import { createProblem } from '../../batch/models/two-tower-problem.ts';
import { fitParameters, initialise } from '../../batch/models/two-tower-training.ts';
import { shop } from '../conformance/two-tower.ts';
import { missing } from '../fixtures/backends.ts';
import { quietRun } from '../fixtures/dataset.ts';

/**
 * Memory of 2,000 training steps of two-tower, input thread and all, after 1,000 that fill what is kept: MB of the process, and tensors. What a
 * step makes is some 3 MB: kept, it would be 6 GB. Each backend runs in a process of its own, which collects garbage before it looks.
 */
const [warmUp, steps, looks] = [1_000, 2_000, 4];

async function measure(name: BackendName) {
  await openBackend(name);
  const options = { ...v.parse(TwoTowerOptions, {}), targets: 'new' as const };
  const problem = createProblem(shop(), options, 1);
  const { parameters, scale } = initialise(problem);
  const train = async (count: number): Promise<void> => {
    const epochs = count / problem.stepsPerEpoch;
    await fitParameters(parameters, scale, { ...problem, options: { ...options, epochs } }, quietRun());
  };
  const look = () => {
    global.gc?.();
    return { rss: process.memoryUsage().rss / 1e6, tensors: tf.memory().numTensors };
  };
  await train(warmUp);
  const seen = [look()];
  for (let i = 0; i < looks; i++) {
    await train(steps / looks);
    seen.push(look());
  }
  tf.dispose(parameters);
  const megabytes = seen.map(({ rss }) => Math.round(rss));
  return {
    'MB, every 500 steps': megabytes.join(' '),
    'growth, MB': megabytes.at(-1)! - megabytes[0]!,
    'tensors, first and last': `${seen[0]!.tensors} ${seen.at(-1)!.tensors}`,
  };
}

export async function bench(): Promise<void> {
  const rows: Record<string, object> = {};
  for (const name of backendNames) {
    const reason = await missing(name);
    if (reason !== undefined) {
      console.log(`${name} skipped: ${reason}`);
      continue;
    }
    const { stdout, status, stderr } = spawnSync(
      process.execPath,
      ['--expose-gc', import.meta.filename, name],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`${name}: expected exit status 0, found ${status}: ${stderr}`);
    rows[name] = JSON.parse(stdout);
  }
  console.table(rows);
}

if (import.meta.main) {
  const name = backendNames.find((each) => each === process.argv[2]);
  if (name) console.log(JSON.stringify(await measure(name)));
  else await bench();
}
