import { execFileSync, spawn } from 'node:child_process';
import { chown, cp, lstat, mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import type { Stage, Step } from './parse.ts';

/** A stage's file system is a folder: what the Dockerfile calls `/app` is `<root>/app`. */
interface Container {
  readonly root: string;
  /** What the base image brings. */
  readonly base: Readonly<Record<string, string>>;
  /** What ENV adds; a path is one of the container. */
  readonly environment: Record<string, string>;
  directory: string;
  user: number | undefined;
  entrypoint: string[];
  command: string[];
}

export interface Build {
  /** Where every stage gets its folder. */
  readonly folder: string;
  /** What COPY without --from copies from. */
  readonly context: string;
  /** What an image's base brings: PATH, and settings for the registries. */
  readonly environment: Readonly<Record<string, string>>;
  readonly log: (line: string) => void;
}

/** Carries out the stages, each in a clean folder; FROM an image is this machine. Returns the last. */
export async function build(stages: readonly Stage[], options: Build): Promise<Container> {
  const done = new Map<string, Container>();
  for (const stage of stages) {
    const root = path.join(options.folder, stage.name);
    await rm(root, { recursive: true, force: true });
    await mkdir(root, { recursive: true });
    const base = done.get(stage.from);
    const container: Container = base
      ? { ...base, root, environment: { ...base.environment } }
      : {
          root,
          base: options.environment,
          environment: {},
          directory: '/',
          user: undefined,
          entrypoint: [],
          command: [],
        };
    if (base) {
      // With their owners, which COPY does not keep.
      execFileSync('cp', ['-a', `${base.root}/.`, root]);
      await relink(root, base.root, root);
    }
    done.set(stage.name, container);
    for (const step of stage.steps) {
      options.log(`${stage.name}: ${step.keyword} ${step.text}`);
      await carryOut(step, container, done, options);
    }
  }
  return [...done.values()].at(-1)!;
}

async function carryOut(
  step: Step,
  container: Container,
  done: ReadonlyMap<string, Container>,
  options: Build,
): Promise<void> {
  const { keyword, text, words } = step;
  switch (keyword) {
    case 'WORKDIR':
      container.directory = path.posix.resolve(container.directory, text);
      await mkdir(inside(container, '.'), { recursive: true });
      break;
    case 'ENV':
      for (const word of words) {
        const [, name, value] = /^(\w+)=(.*)$/.exec(word) ?? [];
        container.environment[name!] = value!;
      }
      break;
    case 'ARG':
      break;
    case 'USER':
      container.user = Number(/^\d+/.exec(text)?.[0]);
      break;
    case 'ENTRYPOINT':
      container.entrypoint = JSON.parse(text) as string[];
      break;
    case 'CMD':
      container.command = JSON.parse(text) as string[];
      break;
    case 'COPY':
      await copy(step, container, done, options);
      break;
    case 'RUN':
      if ((await run(container, ['/bin/sh', '-c', text])) !== 0)
        throw new Error(`RUN ${text}: expected exit status 0`);
      break;
    default:
      throw new Error(`${keyword}: expected an instruction that can be carried out here`);
  }
}

const inside = ({ root, directory }: Container, place: string): string =>
  path.join(root, path.posix.resolve(directory, place));

async function copy(
  { words, flags }: Step,
  container: Container,
  done: ReadonlyMap<string, Container>,
  { context }: Build,
): Promise<void> {
  const from = flags.get('from');
  const source = from === undefined ? context : done.get(from)!.root;
  const target = words.at(-1)!;
  for (const word of words.slice(0, -1)) {
    const origin = path.join(source, word);
    const to = target.endsWith('/') ? path.posix.join(target, path.basename(word)) : target;
    await copyTree(origin, inside(container, to), source, container.root);
  }
}

/** Copies a file or folder; links into the one file system lead to the same place of the other. */
async function copyTree(from: string, to: string, fromRoot: string, toRoot: string): Promise<void> {
  await mkdir(path.dirname(to), { recursive: true });
  await cp(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  await relink(to, fromRoot, toRoot);
}

async function relink(to: string, fromRoot: string, toRoot: string): Promise<void> {
  const entries = (await lstat(to)).isDirectory()
    ? await readdir(to, { recursive: true, withFileTypes: true })
    : [];
  const links = entries.filter((entry) => entry.isSymbolicLink());
  const files = links.map(({ parentPath, name }) => path.join(parentPath, name));
  if ((await lstat(to)).isSymbolicLink()) files.push(to);
  for (const link of files) {
    const place = await readlink(link);
    if (!place.startsWith(`${fromRoot}/`)) continue;
    await rm(link);
    await symlink(path.join(toRoot, path.relative(fromRoot, place)), link);
  }
}

/** Runs a command as the container's user, with its environment; returns the exit status. */
export async function run(container: Container, command: readonly string[]): Promise<number> {
  const { root, user, base } = container;
  const environment = Object.fromEntries(
    Object.entries(container.environment).map(([name, value]) => [
      name,
      value.startsWith('/') ? path.join(root, value) : value,
    ]),
  );
  const home = path.join(root, 'home');
  await mkdir(home, { recursive: true });
  const asUser = user !== undefined && process.getuid?.() === 0;
  if (asUser) await chown(home, user, user);
  const child = spawn(command[0]!, command.slice(1), {
    cwd: inside(container, '.'),
    env: { ...base, ...environment, HOME: home },
    stdio: ['ignore', 'inherit', 'inherit'],
    ...(asUser ? { uid: user, gid: user } : {}),
  });
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}
