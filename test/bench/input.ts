import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as v from 'valibot';
import { type BackendName, backendNames, openBackend } from '../../batch/backend/index.ts';
import type { ConfigInput } from '../../batch/config.ts';
import { loadDataset } from '../../batch/data/ingest.ts';
import { splitDataset } from '../../batch/data/split.ts';
import { parseConfig } from '../../batch/load-config.ts';
import { TwoTowerOptions } from '../../batch/models/two-tower.ts';
import { createProblem, type Problem } from '../../batch/models/two-tower-problem.ts';
import { batchLoss, initialise } from '../../batch/models/two-tower-training.ts';
import { openInput } from '../../batch/training/input.ts';
import { createAdamW } from '../../batch/training/optimiser.ts';
import perigeeConfig from '../../perigee.config.ts';
import { missing } from '../fixtures/backends.ts';
import { ml1m } from '../fixtures/ml-1m.ts';

/**
 * How long two-tower's trainer waits for its batches where it makes them itself and where a thread does: whole steps on real data, both
 * ways by turns, since a machine's speed changes. Each backend has a process of its own; where there are several cores, another one
 * on a single core.
 */
const root = path.resolve(import.meta.dirname, '../..');
const [rounds, steps] = [4, 25];

/** Of each step, ms. Medians, since on a busy machine single ones tell how long the process was put aside. */
interface Times {
  readonly waiting: number[];
  readonly working: number[];
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

export async function measure(name: BackendName) {
  await openBackend(name);
  const rows = [];
  for (const setup of [perigeeConfig, ml1m]) {
    if (setup === ml1m && !existsSync(path.join(root, '../shared/data/ml-1m'))) continue;
    const problem = await problemOf(setup);
    const { parameters, scale } = initialise(problem);
    const optimiser = createAdamW(parameters, problem.options);
    const times: Record<'here' | 'thread', Times> = {
      here: { waiting: [], working: [] },
      thread: { waiting: [], working: [] },
    };
    const of = (thread: boolean) =>
      openInput(problem.batches, { name: 'bench', end: Number.POSITIVE_INFINITY, thread });
    await using here = of(false);
    await using thread = of(true);
    const takeSteps = async (input: typeof here, first: number, into: Times): Promise<void> => {
      for (let step = first; step < first + steps; step++) {
        const started = performance.now();
        const batch = await input.take(step);
        const given = performance.now();
        tf.tidy(() => {
          const { value, grads } = tf.variableGrads(() => batchLoss(parameters, scale, problem, batch));
          const byName = Object.entries(parameters).map(([key, { name: id }]) => [key, grads[id]!]);
          optimiser.update(Object.fromEntries(byName), step + 1);
          value.dataSync();
        });
        into.waiting.push(given - started);
        into.working.push(performance.now() - given);
      }
    };
    for (let round = 0; round <= rounds; round++) {
      await takeSteps(here, round * steps, times.here);
      await takeSteps(thread, round * steps, times.thread);
      // The first round warms up.
      if (round === 0) for (const each of Object.values(times)) each.waiting.length = each.working.length = 0;
    }
    for (const [made, { waiting, working }] of Object.entries(times)) {
      const [wait, work] = [median(waiting), median(working)];
      rows.push({
        data: setup.name,
        backend: name,
        cores: availableParallelism(),
        'batches made': made,
        'waiting, ms': Number(wait.toFixed(2)),
        'working, ms': Number(work.toFixed(2)),
        'waiting, %': Number(((100 * wait) / (wait + work)).toFixed(2)),
      });
    }
    optimiser[Symbol.dispose]();
    tf.dispose(parameters);
  }
  return rows;
}

type Rows = Awaited<ReturnType<typeof measure>>;

async function problemOf(setup: ConfigInput): Promise<Problem> {
  const config = parseConfig(setup, 'bench');
  const { signal } = new AbortController();
  const { dataset } = await loadDataset(config.data, { baseDirectory: root, signal, progress() {} });
  const { trainAndValidation } = splitDataset(dataset, config.split, config.seed);
  return createProblem(trainAndValidation, { ...v.parse(TwoTowerOptions, {}), targets: 'new' }, 42);
}

export async function bench(): Promise<void> {
  const rows: Rows = [];
  for (const name of backendNames) {
    const reason = await missing(name);
    if (reason !== undefined) {
      console.log(`${name} skipped: ${reason}`);
      continue;
    }
    const own = [process.execPath, import.meta.filename, name];
    const commands = process.platform === 'linux' ? [own, ['taskset', '-c', '0', ...own]] : [own];
    for (const [command, ...args] of commands) {
      const { stdout, status, stderr } = spawnSync(command!, args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(`${name}: expected exit status 0, found ${status}: ${stderr}`);
      rows.push(...(JSON.parse(stdout) as Rows));
    }
  }
  console.table(rows);
}

if (import.meta.main) {
  const name = backendNames.find((each) => each === process.argv[2]);
  if (name) console.log(JSON.stringify(await measure(name)));
  else await bench();
}
