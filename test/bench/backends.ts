import { spawnSync } from 'node:child_process';
import * as tf from '@tensorflow/tfjs-core';
import * as v from 'valibot';
import { type BackendName, backendNames, openBackend } from '../../batch/backend/index.ts';
import { findGpu } from '../../batch/backend/native/gpu.ts';
import { folderOf, readInstallation } from '../../batch/backend/native/installation.ts';
import { variants } from '../../batch/backend/native/versions.ts';
import { TwoTowerOptions } from '../../batch/models/two-tower.ts';
import { initialParameters } from '../../batch/models/two-tower-network.ts';
import { createProblem } from '../../batch/models/two-tower-problem.ts';
import { fitParameters } from '../../batch/models/two-tower-training.ts';
import { normal, seededRandom } from '../../batch/training/random.ts';
import { datasetOf, quietRun } from '../fixtures/dataset.ts';

/**
 * Training examples of two-tower a second, and a CPU second, on each backend: whole steps (batch preparation, forward, backward, AdamW) at the
 * shapes of MovieLens 1M: 6,040 users, 3,416 items, about 165 events each. Each backend runs in a process of its own.
 */
const [users, items, steps, warmUp] = [6_040, 3_417, 150, 20];

export async function measure(name: BackendName) {
  await openBackend(name);
  const random = seededRandom(1);
  const dataset = datasetOf(
    Array.from({ length: users }, () =>
      Array.from({ length: 20 + Math.floor(random() * 290) }, (_, at) => ({
        item: 1 + Math.floor(random() ** 2 * (items - 1)),
        time: 1e9 + at * 3_600,
      })),
    ),
    items,
  );
  const options = { ...v.parse(TwoTowerOptions, {}), targets: 'new' as const };
  const problem = createProblem(dataset, options, 1);
  const table = Float32Array.from({ length: items * options.dimensions }, normal(random));
  const parameters = initialParameters(table, options.dimensions, {
    features: problem.features,
    heads: options.heads,
  });
  const train = (count: number) =>
    fitParameters(
      parameters,
      0.1,
      { ...problem, options: { ...options, epochs: count / problem.stepsPerEpoch } },
      quietRun(),
    );
  await train(warmUp);
  const started = performance.now();
  const before = process.cpuUsage();
  await train(steps);
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - started) / 1e3;
  tf.dispose(parameters);
  const examples = steps * options.batchSize;
  return {
    'examples/s': Math.round(examples / seconds),
    'examples/CPU s': Math.round(examples / ((user + system) / 1e6)),
    'ms/step': (seconds * 1e3) / steps,
  };
}

export async function bench(): Promise<void> {
  const rows: Record<string, Awaited<ReturnType<typeof measure>>> = {};
  for (const name of backendNames) {
    if (name !== 'wasm' && !readInstallation(folderOf(name))) {
      console.log(`${name} skipped: not set up; run \`${variants[name].command}\``);
      continue;
    }
    const gpu = name === 'gpu' ? await findGpu() : undefined;
    if (gpu && 'missing' in gpu) {
      console.log(`gpu skipped: ${gpu.missing}`);
      continue;
    }
    const { stdout, status, stderr } = spawnSync(process.execPath, [import.meta.filename, name], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${name}: expected exit status 0, found ${status}: ${stderr}`);
    rows[name] = JSON.parse(stdout);
  }
  console.table(rows);
  const { native, wasm } = rows;
  if (native && wasm)
    console.log(
      `native is ${(native['examples/s'] / wasm['examples/s']).toFixed(1)} × wasm by the clock, ${(native['examples/CPU s'] / wasm['examples/CPU s']).toFixed(1)} × by CPU time`,
    );
}

if (import.meta.main) {
  const name = backendNames.find((each) => each === process.argv[2]);
  if (name) console.log(JSON.stringify(await measure(name)));
  else await bench();
}
