import { realpathSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { BackendError } from '../../../shared/errors.ts';
import { folderOf, layout, readInstallation } from './installation.ts';
import { registerKernels } from './kernels/index.ts';
import type { NativeBackend } from './native-backend.ts';
import { type VariantName, variants } from './versions.ts';

const name = 'tensorflow';

let opened: VariantName | undefined;

/** The variant that this process has loaded. It stays for good: two TensorFlows in one process disturb each other. */
export const openedVariant = (): VariantName | undefined => opened;

/**
 * Opens TensorFlow through tfjs-node's backend and kernels, on the process's own tfjs-core.
 * @returns whether it computes on a GPU; the libraries for a GPU fall back to the CPU where there is none
 * @throws BackendError when it is not set up or cannot be loaded, or another variant is open
 */
export async function openTensorFlow(
  variant: VariantName,
  folder = folderOf(variant),
): Promise<{ readonly gpu: boolean }> {
  if (opened !== undefined && opened !== variant)
    throw new BackendError(`One process holds one TensorFlow: expected ${opened}, found ${variant}`);
  if (opened === undefined) register(variant, folder);
  opened = variant;
  if (!(await tf.setBackend(name))) throw new BackendError('TensorFlow could not be started');
  return { gpu: (tf.backend() as unknown as NativeBackend).isUsingGpuDevice };
}

interface BackendModule {
  readonly NodeJSKernelBackend: new (
    binding: unknown,
    packageName: string,
  ) => NativeBackend & tf.KernelBackend;
}

function register(variant: VariantName, folder: string): void {
  const { binding: tfjsNode, command } = variants[variant];
  if (readInstallation(folder) === undefined)
    throw new BackendError(`The backend ${variant} is not set up: run \`${command}\`, or train on wasm`);
  const { binding, kernels, packageOf } = layout(folder);
  const distribution = path.join(packageOf(tfjsNode.name), 'dist');
  const load = createRequire(path.join(folder, 'package.json'));
  // As modules are told it: the folder may lie behind a link.
  const home = pathToFileURL(realpathSync(folder)).href;
  setEnvironment(variant);
  restoreRemovedFunctions();
  const resolver = registerHooks({
    resolve: (specifier, context, next) =>
      specifier.startsWith('@tensorflow/tfjs') && context.parentURL?.startsWith(home)
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
    if (variant === 'native') load(kernels);
    registerKernels(variant);
  } catch (cause) {
    throw new BackendError(
      `The backend ${variant} in ${folder} could not be loaded: ${(cause as Error).message}. Remove the folder and run \`${command}\`.`,
      { cause },
    );
  } finally {
    resolver.deregister();
  }
}

/** What TensorFlow reads when it is loaded; whoever sets these variables keeps what he set. */
function setEnvironment(variant: VariantName): void {
  // It logs to the process's error output; what is below a warning is of no use there.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '1';
  // A step's operations are small: a second thread costs more than it gains, and batches are made on another.
  process.env['TF_NUM_INTRAOP_THREADS'] ??= `${Math.max(1, availableParallelism() >> 1)}`;
  if (variant === 'native') return;
  // Else it takes the whole GPU's memory at once.
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  // Sums on a GPU else depend on the order in which threads come.
  process.env['TF_DETERMINISTIC_OPS'] ??= '1';
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
