import { existsSync } from 'node:fs';
import { mkdir, rename, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { BackendError } from '../../../shared/errors.ts';
import type { Reporter } from '../../progress.ts';
import { compileBinding, compileKernels, findCompiler } from './compile.ts';
import { download } from './download.ts';
import { type Installation, layout, readInstallation } from './installation.ts';
import { fetchPackage } from './npm-package.ts';
import { listFiles } from './package-index.ts';
import { type Environment, packageIndex } from './pip-config.ts';
import { shown } from './request.ts';
import { unpackWheel } from './unpack.ts';
import { nodeApiHeaders, protobuf, tensorflow, tfjsNode } from './versions.ts';
import { assertSupported, chooseWheel, type Machine } from './wheel.ts';

/** The wheel, and beside it what is unpacked from it. */
const neededBytes = 1.3e9;

export interface SetUp {
  readonly folder: string;
  readonly machine: Machine;
  readonly environment: Environment;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/**
 * Makes the native backend: TensorFlow's libraries from the Python package index, tfjs-node's binding from npm, compiled here. What is
 * there already is not made again; what was interrupted goes on.
 * @throws BackendError when the machine, the disk, the network or the compiler does not allow it
 */
export async function setUpNative(setUp: SetUp): Promise<Installation> {
  const { folder, machine, environment, reporter, signal } = setUp;
  assertSupported(machine);
  const present = readInstallation(folder);
  if (present) {
    if (!existsSync(layout(folder).kernels)) {
      await findCompiler(environment);
      await reporter.stage('compile', () => compileKernels(folder, environment, signal));
    }
    reporter.line(`TensorFlow ${present.tensorflow} is set up in ${folder}; remove it to do so again.`);
    return present;
  }
  const compiler = await findCompiler(environment);
  await assertSpace(folder);
  const places = layout(folder);
  const wheel = await reporter.stage('TensorFlow', async (stage) => {
    const index = await packageIndex(environment);
    const chosen = chooseWheel(await listFiles(index, tensorflow.project, signal), tensorflow, machine);
    const file = path.join(places.downloads, chosen.filename);
    await download(chosen, file, {
      signal,
      progress: (bytes, of = chosen.size) =>
        stage.progress(
          `${megabytes(bytes)} of ${of === undefined ? '?' : megabytes(of)} MB`,
          bytes / (of ?? bytes),
        ),
    });
    await rm(places.tensorflow, { recursive: true, force: true });
    await unpackWheel(file, folder, (fraction) => stage.progress('unpacking', fraction));
    stage.note(`${chosen.filename} from ${shown(index)}`);
    return chosen;
  });
  await reporter.stage('tfjs-node', async (stage) => {
    for (const each of [tfjsNode, nodeApiHeaders, protobuf])
      await fetchPackage(each, places.packageOf(each.name), { ...places, environment, signal });
    stage.note(`${tfjsNode.version}, its binding's source and kernels, none of its scripts`);
  });
  await reporter.stage('compile', async (stage) => {
    await compileBinding(folder, environment, signal);
    await compileKernels(folder, environment, signal);
    stage.note(compiler);
  });
  await rm(places.downloads, { recursive: true, force: true });
  const installation: Installation = {
    tensorflow: tensorflow.version,
    wheel: wheel.filename,
    sha256: wheel.sha256,
    tfjsNode: tfjsNode.version,
    compiler,
  };
  await writeFile(`${places.manifest}.tmp`, `${JSON.stringify(installation, null, 2)}\n`);
  await rename(`${places.manifest}.tmp`, places.manifest);
  return installation;
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

async function assertSpace(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free < neededBytes)
    throw new BackendError(
      `The native backend needs ${megabytes(neededBytes)} MB in ${folder}, found ${megabytes(free)} MB free`,
    );
}
