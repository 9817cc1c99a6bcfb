import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { type BackendName, backendNames, openBackend } from '../../batch/backend/index.ts';
import { openInput } from '../../batch/training/input.ts';
import { missing } from '../fixtures/backends.ts';
import { convSequenceStep } from './steps/conv-sequence.ts';
import { multVaeStep } from './steps/mult-vae.ts';
import type { BenchedStep } from './steps/step.ts';
import { twoTowerStep } from './steps/two-tower.ts';

/**
 * How long a trainer waits for its batches where it makes them itself and where a thread does: whole steps at the shapes of MovieLens 1M,
 * both ways by turns, since a machine's speed changes. Each backend has a process of its own; where there are several cores,
 * another one on a single core.
 */
const models: Readonly<Record<string, () => BenchedStep>> = {
  'two-tower': twoTowerStep,
  'mult-vae': multVaeStep,
  'conv-sequence': convSequenceStep,
};
const rounds = 4;
const steps = 20;

/** Of each step, ms. Medians, since on a busy machine single ones tell how long the process was put aside. */
interface Times {
  readonly waiting: number[];
  readonly working: number[];
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

async function measureModel(model: BenchedStep): Promise<Record<'here' | 'thread', Times>> {
  const times = {
    here: { waiting: [], working: [] } as Times,
    thread: { waiting: [], working: [] } as Times,
  };
  const of = (thread: boolean) =>
    openInput(model.batches, { name: 'bench', end: Number.POSITIVE_INFINITY, thread });
  await using here = of(false);
  await using thread = of(true);
  const takeSteps = async (input: typeof here, first: number, into: Times): Promise<void> => {
    for (let step = first; step < first + steps; step++) {
      const started = performance.now();
      const batch = await input.take(step);
      const given = performance.now();
      model.take(step, batch);
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
  return times;
}

export async function measure(backend: BackendName) {
  await openBackend(backend);
  const rows = [];
  for (const [name, open] of Object.entries(models)) {
    using model = open();
    for (const [made, { waiting, working }] of Object.entries(await measureModel(model))) {
      const [wait, work] = [median(waiting), median(working)];
      rows.push({
        model: name,
        backend,
        cores: availableParallelism(),
        'batches made': made,
        'waiting, ms': Number(wait.toFixed(2)),
        'working, ms': Number(work.toFixed(2)),
        'waiting, %': Number(((100 * wait) / (wait + work)).toFixed(2)),
      });
    }
  }
  return rows;
}

type Rows = Awaited<ReturnType<typeof measure>>;

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
