import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Command, freePort, perigee } from '../fixtures/command.ts';

/**
 * What a newcomer waits for: from `npm start` to the first answer, cold and with every stage kept, on the embedded data;
 * and ML-1M from events to release where its files are. Seconds of one run each; CPU seconds of the run beside them.
 */
const root = path.resolve(import.meta.dirname, '../..');

interface Row {
  readonly what: string;
  readonly seconds: number;
  readonly 'cpu seconds': number | string;
  readonly answer: string;
}

/** A copy of a config in a folder of its own, so that nothing is kept from before. */
function isolated(folder: string, config: string): string {
  const text = readFileSync(path.join(root, config), 'utf8').replace(
    /'\.{1,2}\/batch\/config\.ts'/,
    JSON.stringify(path.join(root, 'batch/config.ts')),
  );
  const file = path.join(folder, 'perigee.config.ts');
  writeFileSync(file, text);
  return file;
}

async function startOnce(what: string, config: string): Promise<Row> {
  const port = await freePort();
  const started = performance.now();
  const command = perigee('start', '--config', config, '--data', root, '--port', String(port));
  const [url] = await command.waitFor(/http:\/\/127\.0\.0\.1:\d+/);
  const response = await fetch(`${url}/v1/recommendations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ history: [{ itemId: '85123A' }], limit: 3 }),
  });
  const { model, items } = (await response.json()) as { model: string; items: { itemId: string }[] };
  const seconds = (performance.now() - started) / 1_000;
  const cpu = cpuSeconds(command);
  command.child.kill('SIGINT');
  await command.exited;
  return {
    what,
    seconds,
    'cpu seconds': cpu,
    answer: `${model}: ${items.map(({ itemId }) => itemId).join(' ')}`,
  };
}

/** User and system time of a process so far (Linux; 100 ticks a second). */
function cpuSeconds({ child }: Command): number | string {
  const file = `/proc/${child.pid}/stat`;
  if (!existsSync(file)) return '–';
  const fields = readFileSync(file, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function runOnce(what: string, config: string, data: string): Promise<Row> {
  const started = performance.now();
  const command = perigee('run', '--config', config, '--data', data);
  let cpu: number | string = '–';
  const watch = setInterval(() => {
    cpu = cpuSeconds(command);
  }, 500);
  const status = await command.exited;
  clearInterval(watch);
  console.log(command.output());
  return {
    what,
    seconds: (performance.now() - started) / 1_000,
    'cpu seconds': cpu,
    answer: `exit ${status}`,
  };
}

export async function bench(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'perigee-bench-'));
  const ml1m = path.resolve(root, '../shared/data/ml-1m');
  try {
    const config = isolated(folder, 'perigee.config.ts');
    const rows = [
      await startOnce('npm start to the first answer, Online Retail', config),
      await startOnce('the same again, nothing changed', config),
    ];
    if (existsSync(ml1m)) {
      const other = mkdtempSync(path.join(folder, 'ml-1m-'));
      rows.push(
        await runOnce(
          'ML-1M, events to release',
          isolated(other, 'examples/ml-1m.config.ts'),
          path.dirname(ml1m),
        ),
      );
    } else console.log('ML-1M skipped: ../shared/data/ml-1m is not there');
    console.table(rows);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) await bench();
