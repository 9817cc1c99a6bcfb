import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, killAll, perigee } from '../fixtures/command.ts';

/** The newcomer's command, as it is: the embedded data, the shipped config, workerd. */
const root = path.resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'perigee-start-'));
const config = path.join(folder, 'perigee.config.ts');

/** Command lines of every process on this machine that mentions the port (Linux). */
const processesOf = (port: number): string[] =>
  existsSync('/proc/self/cmdline')
    ? readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .flatMap((pid) => {
          try {
            return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
          } catch {
            return [];
          }
        })
        .filter((line) => line.includes(String(port)))
    : [];

beforeAll(() => {
  mkdirSync(folder, { recursive: true });
  const shipped = readFileSync(path.join(root, 'perigee.config.ts'), 'utf8');
  writeFileSync(
    config,
    shipped.replace("'./batch/config.ts'", JSON.stringify(path.join(root, 'batch/config.ts'))),
  );
});

afterAll(() => {
  killAll();
  rmSync(folder, { recursive: true, force: true });
});

describe('start', () => {
  it('goes from events to a personal answer on the edge, and Ctrl-C leaves nothing behind', {
    timeout: 600_000,
  }, async () => {
    const port = await freePort();
    const command = perigee('start', '--config', config, '--data', root, '--port', String(port));
    const [, url] = await command.waitFor(/(http:\/\/127\.0\.0\.1:\d+)/);
    const release = (await (await fetch(`${url}/v1/release`)).json()) as {
      model: string;
      artifact: string;
      items: number;
    };
    expect(release).toMatchObject({ model: 'two-tower', artifact: 'embedding', items: 3_659 });
    const response = await fetch(`${url}/v1/recommendations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        history: [{ itemId: '85123A' }, { itemId: '22423' }],
        limit: 5,
        attributes: true,
      }),
    });
    const answer = (await response.json()) as {
      items: { itemId: string; source: string; attributes: { title: string } }[];
    };
    expect(response.status).toBe(200);
    expect(answer.items).toHaveLength(5);
    for (const item of answer.items) {
      expect(item.source).toBe('model');
      expect(item.attributes.title).toMatch(/[A-Z]{3}/);
    }
    const page = await fetch(`${url}/`);
    expect(page.headers.get('content-type')).toContain('text/html');
    const reports = readdirSync(path.join(folder, '.perigee/reports'));
    expect(reports).toContain('latest.html');
    command.child.kill('SIGINT');
    expect(await command.exited).toBe(0);
    expect(processesOf(port)).toEqual([]);
  });

  it('reuses every finished stage when nothing changed', { timeout: 120_000 }, async () => {
    const port = await freePort();
    const command = perigee('start', '--config', config, '--data', root, '--port', String(port));
    await command.waitFor(/http:\/\/127\.0\.0\.1/);
    command.child.kill('SIGTERM');
    await command.exited;
    const stages = command
      .output()
      .split('\n')
      .filter((line) => line.startsWith('✓') && !/serve|publish|gate|report/.test(line));
    expect(stages.length).toBeGreaterThan(3);
    expect(stages.filter((line) => !line.includes('reused'))).toEqual([]);
  });
});

// Processes are looked up in /proc.
describe.skipIf(!existsSync('/proc/self/cmdline'))('an impatient interrupt', () => {
  it('leaves nothing behind, even while the worker starts', { timeout: 120_000 }, async () => {
    const port = await freePort();
    const command = perigee('serve', '--config', config, '--data', root, '--port', String(port));
    while (processesOf(port).length < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    command.child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 50));
    command.child.kill('SIGINT');
    expect(await command.exited).toBe(130);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(processesOf(port)).toEqual([]);
  });
});

describe('what goes wrong ends with one clear sentence', () => {
  const expectFailure = async (status: number, message: RegExp, ...args: string[]): Promise<void> => {
    const command = perigee(...args);
    expect(await command.exited).toBe(status);
    expect(command.output()).toMatch(message);
    expect(command.output()).not.toMatch(/^\s+at /m);
  };
  const withConfig = (name: string, text: string): string => {
    const file = path.join(folder, name);
    writeFileSync(file, text);
    return file;
  };

  it('a port in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await expectFailure(
      2,
      new RegExp(`Port ${port} is in use`),
      'start',
      '--config',
      config,
      '--port',
      String(port),
    );
    server.close();
  });
  it('no config file', () =>
    expectFailure(2, /No config file at .*absent\.ts/, 'run', '--config', path.join(folder, 'absent.ts')));
  it('a typo in the config', () =>
    expectFailure(
      2,
      /evaluaton/,
      'run',
      '--config',
      withConfig(
        'typo.config.ts',
        "export default { name: 'x', data: { events: { path: 'a.csv', columns: { userId: 'u', itemId: 'i' } } }, evaluaton: {} };",
      ),
    ));
  it('a config that does not parse', () =>
    expectFailure(
      2,
      /broken\.config\.ts cannot be loaded/,
      'run',
      '--config',
      withConfig('broken.config.ts', 'export default {'),
    ));
  it('a source file that is not there', () =>
    expectFailure(
      1,
      /absent\.csv/,
      'run',
      '--config',
      withConfig(
        'missing.config.ts',
        "export default { name: 'x', store: 'elsewhere', data: { events: { path: 'absent.csv', columns: { userId: 'u', itemId: 'i' } } } };",
      ),
    ));
  it('a store that nothing was published to', () =>
    expectFailure(
      1,
      /serves nothing yet/,
      'serve',
      '--config',
      withConfig(
        'empty.config.ts',
        "export default { name: 'x', store: 'empty', data: { events: { path: 'absent.csv', columns: { userId: 'u', itemId: 'i' } } } };",
      ),
    ));
  it('an unknown command', () => expectFailure(2, /Unknown command 'sart'/, 'sart'));
  it('an argument that nothing reads', () =>
    expectFailure(2, /Unexpected argument 'shop\.config\.ts'/, 'run', 'shop.config.ts'));
  it('an unknown flag', () => expectFailure(2, /--prot/, 'start', '--prot', '1'));
});
