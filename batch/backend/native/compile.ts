import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { BackendError } from '../../../shared/errors.ts';
import { layout } from './installation.ts';
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

/** Compiles tfjs-node's binding, as it is, against the unpacked TensorFlow; for a GPU it copies what it gets, see copied-tensors.h. */
export async function compileBinding(
  folder: string,
  { name, binding: tfjsNode }: Variant,
  environment: Environment,
  signal: AbortSignal,
): Promise<void> {
  const { tensorflow, packageOf, binding } = layout(folder);
  const args = [
    ...['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8'],
    `-I${path.join(packageOf(nodeApiHeaders.name), 'include')}`,
    `-I${path.join(tensorflow, 'include')}`,
    ...(name === 'gpu' ? ['-include', path.join(import.meta.dirname, 'copied-tensors.h')] : []),
    ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) =>
      path.join(packageOf(tfjsNode.name), 'binding', file),
    ),
    ...['-o', binding, `-L${tensorflow}`, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2'],
    // Relative, so that the folder may move.
    '-Wl,-rpath,$ORIGIN/tensorflow',
  ];
  try {
    await run('g++', args, { env: environment as NodeJS.ProcessEnv, signal, maxBuffer: 1 << 26 });
  } catch (cause) {
    signal.throwIfAborted();
    const { stderr = '' } = cause as { stderr?: string };
    const errors = stderr.split('\n').filter((line) => /error|undefined|cannot find/i.test(line));
    throw new BackendError(
      `g++ could not compile tfjs-node's binding:\n${errors.slice(0, 5).join('\n') || (cause as Error).message}`,
      { cause },
    );
  }
}
