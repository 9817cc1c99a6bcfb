import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { build } from './dockerfile/build.ts';
import { parseDockerfile, stagesOf } from './dockerfile/parse.ts';

const root = path.resolve(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const stages = parseDockerfile(read('infra/Dockerfile'));
const targets = ['cpu', 'gpu'] as const;

describe('infra/Dockerfile', () => {
  it('names its base images by digest', () => {
    const bases = stages.map(({ from }) => from).filter((from) => stages.every(({ name }) => name !== from));
    expect(bases.length).toBeGreaterThan(0);
    for (const base of bases) expect(base).toMatch(/^\S+:\d+\.\d+\.\d+\S*@sha256:[0-9a-f]{64}$/);
  });

  it('copies what is there and what .dockerignore lets through', () => {
    const allowed = new Set(
      read('.dockerignore')
        .split('\n')
        .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : [])),
    );
    const copied = stages.flatMap(({ steps }) =>
      steps.flatMap(({ keyword, flags, words }) =>
        keyword === 'COPY' && !flags.has('from') ? words.slice(0, -1) : [],
      ),
    );
    expect(copied.filter((file) => !existsSync(path.join(root, file)))).toEqual([]);
    expect(copied.filter((file) => !allowed.has(file))).toEqual([]);
    expect([...allowed].filter((file) => !copied.includes(file))).toEqual([]);
  });

  it.each(targets)('%s proves its backend as the user it runs as, then runs the batch job', (target) => {
    const steps = stages.find(({ name }) => name === target)!.steps;
    const user = steps.findIndex(({ keyword }) => keyword === 'USER');
    expect(steps[user]!.text).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    const after = steps.slice(user + 1).map(({ keyword }) => keyword);
    expect(after).toEqual(['RUN', 'ENTRYPOINT', 'CMD']);
    expect(steps[user + 1]!.text).toContain('batch/backend/native/cli.ts');
    const programs = steps.flatMap(({ text }) => text.match(/[\w./-]+\.ts\b/g) ?? []);
    expect(programs.filter((file) => !existsSync(path.join(root, file)))).toEqual([]);
  });

  it.each(targets)('%s has no compiler and nothing of the other', (target) => {
    const names = stagesOf(stages, target).map(({ name }) => name);
    const other = targets.find((each) => each !== target)!;
    expect(names).toEqual(
      ['build', `build-${target}`, 'runtime', target].sort((a, b) => names.indexOf(a) - names.indexOf(b)),
    );
    expect(names).not.toContain(`build-${other}`);
    const installs = ['runtime', target].flatMap((name) =>
      stages.find((stage) => stage.name === name)!.steps.filter(({ text }) => text.includes('apt-get')),
    );
    expect(installs).toEqual([]);
  });
});

describe('the steps of a Dockerfile', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'perigee-dockerfile-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('are carried out in clean folders, with links that lead to the same place', async () => {
    const context = path.join(folder, 'context');
    await cp(path.join(root, 'LICENSE'), path.join(context, 'LICENSE'));
    const text = `FROM base:1 AS one
WORKDIR /app
ENV WORD=seen PERIGEE_PLACE=/opt/x
COPY LICENSE ./
RUN mkdir -p "$PERIGEE_PLACE" && echo "$WORD" \\
  > "$PERIGEE_PLACE/file" && ln -s "$PERIGEE_PLACE/file" link
FROM base:1 AS two
WORKDIR /app
COPY --from=one /opt/x /opt/x
COPY --from=one /app/link link
CMD ["true"]`;
    const options = {
      folder: path.join(folder, 'stages'),
      context,
      environment: { PATH: process.env['PATH']! },
    };
    const last = await build(stagesOf(parseDockerfile(text), 'two'), { ...options, log() {} });
    await rm(path.join(options.folder, 'one'), { recursive: true });
    expect(await readFile(path.join(last.root, 'app/link'), 'utf8')).toBe('seen\n');
    expect(last.command).toEqual(['true']);
    expect(existsSync(path.join(last.root, 'app/LICENSE'))).toBe(false);
    const failing = parseDockerfile('FROM base:1 AS bad\nRUN false');
    await expect(build(failing, { ...options, log() {} })).rejects.toThrow('RUN false');
  });
});
