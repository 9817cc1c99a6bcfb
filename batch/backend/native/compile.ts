import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { BackendError } from '../../../shared/errors.ts';
import { kernelSource, layout } from './installation.ts';
import type { Environment } from './pip-config.ts';
import { nodeApiHeaders, type Variant } from './versions.ts';

const run = promisify(execFile);

/**
 * First line of `g++ --version`.
 * @throws BackendError when there is no g++, with how to get it
 */
export async function findCompiler(environment: Environment): Promise<string> {
  try {
    const { stdout } = await run('g++', ['--version'], { env: environment as NodeJS.ProcessEnv });
    return stdout.split('\n')[0]!;
  } catch (cause) {
    throw new BackendError(
      'The native backend needs the compiler g++, found none. Debian and Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++. ' +
        'Without it training runs on the wasm backend.',
      { cause },
    );
  }
}

/** Compiles tfjs-node's binding, as it is, against the unpacked TensorFlow. */
export async function compileBinding(
  folder: string,
  { name, binding: tfjsNode }: Variant,
  environment: Environment,
  signal: AbortSignal,
): Promise<void> {
  const { packageOf, binding } = layout(folder);
  const args = [
    '-O2',
    ...(name === 'gpu' ? ['-include', path.join(import.meta.dirname, 'copied-tensors.h')] : []),
    ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) =>
      path.join(packageOf(tfjsNode.name), 'binding', file),
    ),
    ...['-o', binding],
  ];
  await compile("tfjs-node's binding", folder, args, environment, signal);
}

/** Ours are made for this very machine; sums may be reordered into vectors and products fused into them, no other rule is bent. */
const fast = [
  ...['-O3', '-march=native', '-Wall'],
  ...[
    '-fno-math-errno',
    '-fno-trapping-math',
    '-fno-signed-zeros',
    '-fassociative-math',
    '-ffp-contract=fast',
  ],
];

/** Compiles our own operations against the unpacked TensorFlow. */
export async function compileKernels(
  folder: string,
  environment: Environment,
  signal: AbortSignal,
): Promise<void> {
  const { kernels } = layout(folder);
  await compile('the training kernels', folder, [...fast, kernelSource, '-o', kernels], environment, signal);
}

async function compile(
  what: string,
  folder: string,
  args: readonly string[],
  environment: Environment,
  signal: AbortSignal,
): Promise<void> {
  const { tensorflow, packageOf } = layout(folder);
  const all = [
    ...['-std=c++17', '-fPIC', '-shared', '-pthread', '-DNAPI_VERSION=8'],
    `-I${path.join(packageOf(nodeApiHeaders.name), 'include')}`,
    `-I${path.join(tensorflow, 'include')}`,
    ...args,
    ...[`-L${tensorflow}`, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2'],
    // Relative, so that the folder may move.
    '-Wl,-rpath,$ORIGIN/tensorflow',
  ];
  try {
    await run('g++', all, { env: environment as NodeJS.ProcessEnv, signal, maxBuffer: 1 << 26 });
  } catch (cause) {
    signal.throwIfAborted();
    const { stderr = '' } = cause as { stderr?: string };
    const errors = stderr.split('\n').filter((line) => /error|undefined|cannot find/i.test(line));
    throw new BackendError(
      `g++ could not compile ${what}:\n${errors.slice(0, 5).join('\n') || (cause as Error).message}`,
      { cause },
    );
  }
}
