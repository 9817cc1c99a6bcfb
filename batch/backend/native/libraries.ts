import { mkdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import * as v from 'valibot';
import { BackendError } from '../../../shared/errors.ts';
import type { Stage } from '../../progress.ts';
import { download } from './download.ts';
import { listFiles } from './package-index.ts';
import { type Environment, packageIndex } from './pip-config.ts';
import { shown } from './request.ts';
import { type Requirement, requirementsOf } from './requirement.ts';
import { assertLibraries, unpackWheel } from './unpack.ts';
import type { Variant } from './versions.ts';
import { chooseWheel, type Machine } from './wheel.ts';

/**
 * Where a variant's unpacked wheels lie: outside the repository, so that a new clone, and CI, need no second download.
 * PERIGEE_NATIVE_CACHE, else `perigee` in the user's cache.
 */
export function librariesFolder(
  { wheel: { project, version } }: Variant,
  environment: Environment,
  system: string,
): string {
  const home = environment['HOME'] || homedir();
  const cache =
    environment['PERIGEE_NATIVE_CACHE'] ||
    path.join(environment['XDG_CACHE_HOME'] || path.join(home, '.cache'), 'perigee');
  return path.resolve(cache, `${project}-${version}-${system}`);
}

const Contents = v.object({
  /** Whether everything is there. */
  complete: v.boolean(),
  /** Wheels that are unpacked, TensorFlow's first. */
  wheels: v.array(
    v.object({ project: v.string(), filename: v.string(), sha256: v.string(), bytes: v.number() }),
  ),
  /** METADATA of TensorFlow's wheel. */
  metadata: v.string(),
});
type Contents = v.InferOutput<typeof Contents>;
export type Wheel = Contents['wheels'][number];

const nothing: Contents = { complete: false, wheels: [], metadata: '' };
const contentsFile = (folder: string): string => path.join(folder, 'contents.json');

async function readContents(folder: string): Promise<Contents> {
  try {
    return v.parse(Contents, JSON.parse(await readFile(contentsFile(folder), 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return nothing;
    throw new BackendError(`${contentsFile(folder)}: expected a list of wheels; remove its folder`, {
      cause: error,
    });
  }
}

async function writeContents(folder: string, contents: Contents): Promise<void> {
  await writeFile(`${contentsFile(folder)}.tmp`, `${JSON.stringify(contents, null, 2)}\n`);
  await rename(`${contentsFile(folder)}.tmp`, contentsFile(folder));
}

export interface Provide {
  readonly variant: Variant;
  readonly folder: string;
  readonly machine: Machine;
  readonly environment: Environment;
  readonly stage: Stage;
  readonly signal: AbortSignal;
}

/**
 * Fetches and unpacks TensorFlow's wheel, then those that its extra asks for, one after the other. Wheels that are there already are
 * not fetched again, and an interrupted download goes on.
 * @returns all of them, TensorFlow's first
 * @throws BackendError when the disk or the network does not allow it, or what comes is not what the index announced
 */
export async function provideLibraries(provide: Provide): Promise<readonly Wheel[]> {
  const { variant, folder, environment, stage } = provide;
  await mkdir(folder, { recursive: true });
  let contents = await readContents(folder);
  const place = `${contents.wheels.length} wheels in ${folder}`;
  if (contents.complete) {
    stage.note(`${contents.wheels[0]!.filename}, already there: ${place}`);
    return contents.wheels;
  }
  await assertSpace(variant, folder, contents);
  const index = await packageIndex(environment);
  const { project, version } = variant.wheel;
  if (contents.wheels.length === 0) {
    const { wheel, files } = await provideWheel(
      { project, accepts: (found) => found === version },
      index,
      provide,
    );
    assertLibraries(files, wheel.filename);
    const description = files.find((file) => file.endsWith('METADATA'));
    const metadata = description ? await readFile(path.join(folder, description), 'utf8') : '';
    contents = { ...contents, wheels: [wheel], metadata };
    await writeContents(folder, contents);
  }
  const needed = variant.extra === undefined ? [] : requirementsOf(contents.metadata, variant.extra);
  if (variant.extra !== undefined && needed.length === 0)
    throw new BackendError(
      `${contents.wheels[0]!.filename}: expected requirements of the extra ${variant.extra}, found none`,
    );
  for (const requirement of needed) {
    if (contents.wheels.some((wheel) => wheel.project === requirement.project)) continue;
    const { wheel } = await provideWheel(requirement, index, provide);
    contents = { ...contents, wheels: [...contents.wheels, wheel] };
    await writeContents(folder, contents);
  }
  await rm(path.join(folder, 'downloads'), { recursive: true, force: true });
  await writeContents(folder, { ...contents, complete: true });
  const beside = needed.length > 0 ? ` and ${needed.length} beside it` : '';
  stage.note(`${contents.wheels[0]!.filename}${beside} from ${shown(index)}`);
  return contents.wheels;
}

async function provideWheel(
  requirement: Requirement,
  index: string,
  { folder, machine, stage, signal }: Provide,
): Promise<{ wheel: Wheel; files: string[] }> {
  const { project } = requirement;
  const chosen = chooseWheel(await listFiles(index, project, signal), requirement, machine);
  const file = path.join(folder, 'downloads', chosen.filename);
  let size = chosen.size ?? 0;
  await download(chosen, file, {
    signal,
    progress: (bytes, of = chosen.size) => {
      size = of ?? bytes;
      stage.progress(
        `${project}: ${megabytes(bytes)} of ${of === undefined ? '?' : megabytes(of)} MB`,
        bytes / size,
      );
    },
  });
  const files = await unpackWheel(file, folder, (fraction) =>
    stage.progress(`${project}: unpacking`, fraction),
  );
  await rm(file);
  return { wheel: { project, filename: chosen.filename, sha256: chosen.sha256, bytes: size }, files };
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

/** What is unpacked already counts as its wheels' size, so that a set-up which was nearly done may go on. */
async function assertSpace({ bytes }: Variant, folder: string, { wheels }: Contents): Promise<void> {
  const needed = bytes - wheels.reduce((sum, wheel) => sum + wheel.bytes, 0);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free < needed)
    throw new BackendError(
      `TensorFlow needs ${megabytes(needed)} MB in ${folder}, found ${megabytes(free)} MB free. ` +
        'PERIGEE_NATIVE_CACHE names another folder.',
    );
}
