import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Reporter } from '../../progress.ts';
import { compileBinding, compileKernels, findCompiler } from './compile.ts';
import { type Installation, layout, readInstallation } from './installation.ts';
import { librariesFolder, provideLibraries } from './libraries.ts';
import { fetchPackage } from './npm-package.ts';
import type { Environment } from './pip-config.ts';
import { nodeApiHeaders, protobuf, type Variant } from './versions.ts';
import { assertSupported, type Machine } from './wheel.ts';

export interface SetUp {
  readonly variant: Variant;
  readonly folder: string;
  readonly machine: Machine;
  readonly environment: Environment;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/**
 * Makes a native backend: TensorFlow's libraries from the Python package index, tfjs-node's binding from npm, compiled here. What is
 * there already is not made again; what was interrupted goes on.
 * @throws BackendError when the machine, the disk, the network or the compiler does not allow it
 */
export async function setUpNative(setUp: SetUp): Promise<Installation> {
  const { variant, folder, machine, environment, reporter, signal } = setUp;
  assertSupported(machine);
  const present = readInstallation(folder);
  if (present) {
    reporter.line(`TensorFlow ${present.tensorflow} is set up in ${folder}; remove it to do so again.`);
    return present;
  }
  const compiler = await findCompiler(environment);
  const places = layout(folder);
  const libraries = librariesFolder(variant, environment, `${machine.platform}-${machine.arch}`);
  const [wheel] = await reporter.stage('TensorFlow', (stage) =>
    provideLibraries({ ...setUp, folder: libraries, stage }),
  );
  await mkdir(folder, { recursive: true });
  await rm(places.tensorflow, { recursive: true, force: true });
  await symlink(path.join(libraries, 'tensorflow'), places.tensorflow);
  const { binding } = variant;
  await reporter.stage('tfjs-node', async (stage) => {
    for (const each of [binding, nodeApiHeaders, protobuf])
      await fetchPackage(each, places.packageOf(each.name), { ...places, environment, signal });
    stage.note(`${binding.name} ${binding.version}: the source of its binding and kernels, no scripts`);
  });
  await reporter.stage('compile', async (stage) => {
    await compileBinding(folder, variant, environment, signal);
    if (variant.name === 'native') await compileKernels(folder, environment, signal);
    stage.note(compiler);
  });
  await rm(places.downloads, { recursive: true, force: true });
  const installation: Installation = {
    tensorflow: variant.wheel.version,
    wheel: wheel!.filename,
    sha256: wheel!.sha256,
    tfjsNode: binding.version,
    compiler,
  };
  await writeFile(`${places.manifest}.tmp`, `${JSON.stringify(installation, null, 2)}\n`);
  await rename(`${places.manifest}.tmp`, places.manifest);
  return installation;
}
