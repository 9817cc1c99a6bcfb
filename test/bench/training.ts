import { spawnSync } from 'node:child_process';
import path from 'node:path';
import * as v from 'valibot';
import { type BackendName, backendNames, openBackend } from '../../batch/backend/index.ts';
import { missing } from '../fixtures/backends.ts';
import { convSequenceStep } from './steps/conv-sequence.ts';
import { multVaeStep } from './steps/mult-vae.ts';
import type { BenchedStep } from './steps/step.ts';
import { twoTowerStep } from './steps/two-tower.ts';

/**
 * Training examples a second, and a CPU second, of each model on each backend and in PyTorch: whole steps (input, forward, backward,
 * optimiser) at the shapes of MovieLens 1M, each in a process of its own. PyTorch has one thread, as wasm has; it
 * runs where `$PYTHON` (else python3) has it: `pip install -r test/bench/pytorch/requirements.txt`.
 */
interface Benched {
  readonly open: () => BenchedStep;
  /** Its twin, in pytorch/, where it has one. */
  readonly script?: string;
  readonly steps: number;
}
const models: Readonly<Record<string, Benched>> = {
  'two-tower': { open: twoTowerStep, script: 'two_tower.py', steps: 200 },
  'two-tower, 100,000 items': { open: () => twoTowerStep({ items: 100_000 }), steps: 60 },
  'mult-vae': { open: multVaeStep, script: 'mult_vae.py', steps: 40 },
  'conv-sequence': { open: convSequenceStep, script: 'conv_sequence.py', steps: 40 },
};

const Measured = v.object({ examples: v.number(), seconds: v.number(), cpuSeconds: v.number() });
type Measured = v.InferOutput<typeof Measured>;

const warmUp = 10;
const python = process.env['PYTHON'] ?? 'python3';

async function measure(backend: BackendName, { open, steps }: Benched): Promise<Measured> {
  await openBackend(backend);
  using step = open();
  for (let number = 0; number < warmUp; number++) step.take(number);
  const started = performance.now();
  const before = process.cpuUsage();
  for (let number = warmUp; number < warmUp + steps; number++) step.take(number);
  const { user, system } = process.cpuUsage(before);
  return {
    examples: steps * step.examples,
    seconds: (performance.now() - started) / 1e3,
    cpuSeconds: (user + system) / 1e6,
  };
}

function runProcess(command: string, args: readonly string[], variables: NodeJS.ProcessEnv = {}): Measured {
  const env = { ...process.env, ...variables };
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8', env });
  if (status !== 0)
    throw new Error(`${args.join(' ')}: expected exit status 0, found ${status}: ${stderr.trim()}`);
  return v.parse(Measured, JSON.parse(stdout));
}

type Runner = (name: string, model: Benched) => Measured | undefined;

/** What runs here, wasm first; for what does not, the reason is printed. */
async function runners(): Promise<Record<string, Runner>> {
  const found: Record<string, Runner> = {};
  for (const backend of backendNames.toReversed()) {
    const reason = await missing(backend);
    if (reason !== undefined) console.log(`${backend} skipped: ${reason}`);
    else found[backend] = (name) => runProcess(process.execPath, [import.meta.filename, backend, name]);
  }
  if (found['native'])
    found['native, one thread'] = (name) =>
      runProcess(process.execPath, [import.meta.filename, 'native', name], { TF_NUM_INTRAOP_THREADS: '1' });
  if (spawnSync(python, ['-c', 'import torch, numpy']).status === 0)
    found['PyTorch'] = (_, { script, steps }) =>
      script === undefined
        ? undefined
        : runProcess(python, [path.join(import.meta.dirname, 'pytorch', script), String(steps), '1']);
  else console.log(`PyTorch skipped: ${python} has none; PYTHON=… names another`);
  return found;
}

export async function bench(): Promise<void> {
  const all = await runners();
  for (const [name, model] of Object.entries(models)) {
    const rates = Object.entries(all).flatMap(([runner, run]) => {
      const measured = run(name, model);
      if (!measured) return [];
      const { examples, seconds, cpuSeconds } = measured;
      return [{ runner, rate: examples / seconds, cpuRate: examples / cpuSeconds }];
    });
    const torch = rates.find(({ runner }) => runner === 'PyTorch');
    const times = (one: number, other: number | undefined) => other && Number((one / other).toFixed(2));
    console.log(`\n${name}`);
    console.table(
      Object.fromEntries(
        rates.map(({ runner, rate, cpuRate }) => [
          runner,
          {
            'examples/s': Math.round(rate),
            'examples/CPU s': Math.round(cpuRate),
            '× wasm, CPU': times(cpuRate, rates[0]!.cpuRate),
            '× wasm, clock': times(rate, rates[0]!.rate),
            '× PyTorch, CPU': times(cpuRate, torch?.cpuRate),
          },
        ]),
      ),
    );
  }
}

if (import.meta.main) {
  const backend = backendNames.find((each) => each === process.argv[2]);
  const model = models[process.argv[3] ?? ''];
  if (backend && model) console.log(JSON.stringify(await measure(backend, model)));
  else await bench();
}
