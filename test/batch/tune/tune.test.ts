import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../../batch/load-config.ts';
import { recommenders } from '../../../batch/models/index.ts';
import { seededRandom } from '../../../batch/training/random.ts';
import type { GivenOptions } from '../../../batch/tune/points.ts';
import type { Pool } from '../../../batch/tune/pool.ts';
import { tune } from '../../../batch/tune/tune.ts';
import { FitError } from '../../../shared/errors.ts';
import { killAll, perigee } from '../../fixtures/command.ts';

/** The command as a user runs it, with its processes, on a small shop: two tastes, and an order in each. */
const root = path.resolve(import.meta.dirname, '../../..');
const folders: string[] = [];

/** @param lastOf the item of a user's last event, of the one that the shop would have there */
function shop(lastOf: (items: readonly number[]) => readonly number[] = (items) => items): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'perigee-tune-'));
  folders.push(folder);
  const random = seededRandom(1);
  const users = Array.from({ length: 90 }, (_, user) =>
    Array.from({ length: 8 }, () => (user % 2) * 20 + Math.floor(20 * random() ** 2)),
  );
  const last = lastOf(users.map((items) => items.at(-1)!));
  const rows = users.flatMap((items, user) =>
    [...items.slice(0, -1), last[user]].map(
      (item, step) => `u${user},i${item},${1_600_000_000 + step * 86_400}`,
    ),
  );
  writeFileSync(path.join(folder, 'events.csv'), `user,item,time\n${rows.join('\n')}\n`);
  writeFileSync(
    path.join(folder, 'shop.config.ts'),
    `import { defineConfig } from ${JSON.stringify(path.join(root, 'batch/config.ts'))};

export default defineConfig({
  name: 'Small shop',
  data: { events: { path: 'events.csv', columns: { userId: 'user', itemId: 'item', time: 'time' } } },
  evaluation: { at: [5], primary: 'ndcg@5', bootstrapSamples: 100 },
  // Small, so that this is quick.
  models: { 'two-tower': { dimensions: 8 } },
});
`,
  );
  return folder;
}

const tuneIn = (folder: string, ...args: string[]) =>
  perigee('tune', '--config', path.join(folder, 'shop.config.ts'), '--backend', 'wasm', ...args);

async function done(command: ReturnType<typeof perigee>): Promise<string> {
  expect(await command.exited, command.output()).toBe(0);
  return command.output();
}

/** What a search found, without what differs from run to run. */
const found = (output: string): string =>
  output.slice(output.indexOf('two-tower, ndcg@5')).replace('  written', '');
const rows = (output: string): string[] =>
  output
    .split('\n')
    .filter((line) => /^ +\d+ +[\d.]+ +\.?\d\.\d{4}/.test(line))
    .map((line) => line.replace(' (kept from an earlier run)', ''))
    .sort();

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`);
/** Linux says them; elsewhere none are looked at. */
const childrenOf = (pid: number): number[] =>
  process.platform !== 'linux'
    ? []
    : readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

afterAll(() => {
  killAll();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** The models that can be named. */
const tunable = recommenders
  .filter(({ search }) => search !== undefined)
  .map(({ name }) => name)
  .join(', ');

describe('perigee tune', () => {
  const folder = shop();
  let whole: string;

  it('finds the same by one process and by two, and writes it into the config', {
    timeout: 180_000,
  }, async () => {
    whole = await done(tuneIn(folder, '--trials', '9', '--processes', '2'));
    expect(whole).toMatch(/9 choices of options; epochs: 9 with 0\.444, 3 with 1\.33, 1 with 4;/);
    expect(rows(whole)).toHaveLength(14);
    const other = shop();
    const alone = await done(tuneIn(other, '--trials', '9', '--processes', '1', '--write'));
    expect(rows(alone)).toEqual(rows(whole));
    expect(found(alone)).toContain(found(whole).trim());
    const [, written] = /models: (\{.*\})\n/.exec(found(whole))!;
    const config = await loadConfig(path.join(other, 'shop.config.ts'));
    const options = Function(`return ${written}`)() as { 'two-tower': object };
    expect(config.models).toEqual({ 'two-tower': { ...options['two-tower'] } });
    expect(readFileSync(path.join(other, 'shop.config.ts'), 'utf8')).toContain(
      '  // Small, so that this is quick.\n',
    );
    const run = await done(
      perigee('run', '--dry-run', '--config', path.join(other, 'shop.config.ts'), '--backend', 'wasm'),
    );
    expect(run).toMatch(/fit two-tower .*, reused/);
    const best = Math.max(...rows(whole).map((row) => Number(row.trim().split(/ +/)[2])));
    expect(found(whole)).toMatch(new RegExp(`trial \\d+ +${best.toFixed(4)} `));
  });

  it('goes on after it was killed, to the same result, and its processes end with it', {
    timeout: 180_000,
  }, async () => {
    const other = shop();
    const first = tuneIn(other, '--trials', '9', '--processes', '1');
    await first.waitFor(/^ +3 +0\.444/m);
    const children = childrenOf(first.child.pid!);
    expect(children).toHaveLength(process.platform === 'linux' ? 1 : 0);
    first.child.kill('SIGKILL');
    await first.exited;
    await expect.poll(() => children.filter(isAlive), { timeout: 10_000 }).toEqual([]);
    const kept = readdirSync(path.join(other, '.perigee/cache')).filter((name) => /^fit-.*\.bin$/.test(name));
    expect(kept.length).toBeGreaterThanOrEqual(4);
    const second = await done(tuneIn(other, '--trials', '9', '--processes', '1'));
    expect(second.match(/kept from an earlier run/g)!.length).toBeGreaterThanOrEqual(kept.length);
    expect(rows(second)).toEqual(rows(whole));
    expect(found(second)).toBe(found(whole));
  });

  it('cannot know the answers of the test split', { timeout: 180_000 }, async () => {
    // Everybody's last item is given to somebody else: as many of each item, other answers.
    const other = shop((items) => [...items.slice(1), items[0]!]);
    const output = await done(tuneIn(other, '--trials', '9', '--processes', '1'));
    expect(rows(output)).toEqual(rows(whole));
    expect(found(output)).toBe(found(whole));
  });

  it.each([
    [['--trials', '0'], "--trials: expected a whole number from 1, found '0'"],
    [['--minutes', '0'], "--minutes: expected a number above 0, found '0'"],
    [['--model', 'two-towers'], `--model: expected one of ${tunable}, found 'two-towers'`],
  ])('refuses %s', async (args, message) => {
    const command = tuneIn(folder, ...args);
    expect(await command.exited).toBe(2);
    expect(command.output()).toContain(message);
  });
});

describe('a search', () => {
  const config = parseConfig(
    {
      name: 'x',
      data: { events: { path: 'e.csv', columns: { userId: 'u', itemId: 'i' } } },
      evaluation: { bootstrapSamples: 100 },
    },
    'test',
  );
  const recommender = recommenders.find(({ name }) => name === 'two-tower')!;
  const nobody = { planned() {}, running() {}, finished() {}, unfit() {} };

  /** A search whose fits come to what `figureOf` says, or are refused by what it throws. */
  async function search(
    figureOf: (options: GivenOptions, fit: number) => number,
    deadline = new AbortController(),
  ) {
    let fits = 0;
    const pool: Pool = {
      async run({ options }) {
        deadline.signal.throwIfAborted();
        const figure = figureOf(options, fits++);
        return { figure, perQuery: Float32Array.of(figure, figure), reused: false };
      },
      [Symbol.asyncDispose]: async () => {},
    };
    return tune(recommender, config, {
      trials: 9,
      seed: 1,
      pool,
      deadline: deadline.signal,
      watcher: nobody,
    });
  }

  it('stops when its time is over, with what it has', async () => {
    const deadline = new AbortController();
    const tuned = await search((_, fit) => {
      if (fit === 3) deadline.abort(new Error('over'));
      return fit / 10;
    }, deadline);
    expect(tuned).toMatchObject({ stopped: true, fits: 4, best: { number: 3, budget: 0.444 } });
    expect(tuned.gain.value).toBeCloseTo(0.3);
  });

  it('needs at least the figure of the options as configured', async () => {
    const deadline = new AbortController();
    deadline.abort(new Error('over'));
    await expect(search(() => 1, deadline)).rejects.toThrow(
      /expected time for at least the options as configured/,
    );
  });

  it('goes on without the options that cannot be fitted', async () => {
    const tuned = await search(({ batchSize, epochs }) => {
      if (batchSize === 64) throw new FitError('diverged');
      return epochs === undefined ? 0.2 : 0.1;
    });
    expect(tuned.fits).toBeLessThan(14);
    expect(tuned.best).toBe(tuned.configured);
    await expect(
      search(() => {
        throw new FitError('diverged');
      }),
    ).rejects.toThrow('cannot be fitted with the options as configured');
  });

  it('ends with what is no fault of the options', async () => {
    await expect(
      search(() => {
        throw new Error('no disk');
      }),
    ).rejects.toThrow('no disk');
  });
});
