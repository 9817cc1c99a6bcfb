import { existsSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { BackendError } from '../../../shared/errors.ts';
import { installationFolder, layout, readInstallation, setUpCommand } from './installation.ts';
import { registerKernels } from './kernels/index.ts';
import type { NativeBackend } from './native-backend.ts';
import { tfjsNode } from './versions.ts';

const name = 'tensorflow';

/**
 * Opens TensorFlow through tfjs-node's backend and kernels, on the process's own tfjs-core.
 * @throws BackendError when it is not set up or cannot be loaded
 */
export async function openNative(folder = installationFolder): Promise<'native'> {
  if (tf.findBackend(name) === null) register(folder);
  if (!(await tf.setBackend(name))) throw new BackendError('TensorFlow could not be started');
  return 'native';
}

interface BackendModule {
  readonly NodeJSKernelBackend: new (
    binding: unknown,
    packageName: string,
  ) => NativeBackend & tf.KernelBackend;
}

function register(folder: string): void {
  if (readInstallation(folder) === undefined)
    throw new BackendError(`The native backend is not set up: run \`${setUpCommand}\`, or train on wasm`);
  const { binding, kernels, packageOf } = layout(folder);
  if (!existsSync(kernels))
    throw new BackendError(
      `The native backend was set up for another version: run \`${setUpCommand}\`, or train on wasm`,
    );
  const distribution = path.join(packageOf(tfjsNode.name), 'dist');
  const load = createRequire(path.join(folder, 'package.json'));
  // TensorFlow logs to the process's error output; what is below a warning is of no use there.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '1';
  restoreRemovedFunctions();
  const resolver = registerHooks({
    resolve: (specifier, context, next) =>
      specifier.startsWith('@tensorflow/tfjs') && context.parentURL?.startsWith(pathToFileURL(folder).href)
        ? next('@tensorflow/tfjs-core', { ...context, parentURL: import.meta.url })
        : next(specifier, context),
  });
  try {
    const native: unknown = load(binding);
    const { NodeJSKernelBackend } = load(
      path.join(distribution, 'nodejs_kernel_backend.js'),
    ) as BackendModule;
    tf.registerBackend(name, () => new NodeJSKernelBackend(native, tfjsNode.name));
    load(path.join(distribution, 'register_all_kernels.js'));
    load(kernels);
    registerKernels();
  } catch (cause) {
    throw new BackendError(
      `The native backend in ${folder} could not be loaded: ${(cause as Error).message}. Remove the folder and run \`${setUpCommand}\`.`,
      { cause },
    );
  } finally {
    resolver.deregister();
  }
}

/** tfjs-node calls two functions that Node 23 took out of its `util`. */
function restoreRemovedFunctions(): void {
  const removed = {
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
    isArray: Array.isArray,
  };
  for (const [key, value] of Object.entries(removed)) {
    if (!(key in util)) Object.defineProperty(util, key, { value });
  }
}
