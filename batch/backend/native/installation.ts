import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { BackendError } from '../../../shared/errors.ts';
import { tensorflow, tfjsNode } from './versions.ts';

const root = path.resolve(import.meta.dirname, '../../..');

/**
 * Everything of the native backend lies in one folder of the repository's `.cache`, named by its versions: `npm ci` leaves it alone, git
 * ignores it, and removing it removes the backend.
 */
export const installationFolder = path.join(
  root,
  '.cache',
  'native',
  `tensorflow-${tensorflow.version}-tfjs-node-${tfjsNode.version}`,
);

/** The command that makes an installation. */
export const setUpCommand = 'npm run setup:native';

/** Our own operations of TensorFlow. */
export const kernelSource = path.join(import.meta.dirname, 'kernels', 'kernels.cc');

const kernelsHash = (): string =>
  createHash('sha256').update(readFileSync(kernelSource)).digest('hex').slice(0, 12);

export const layout = (folder: string) => ({
  downloads: path.join(folder, 'downloads'),
  /** The wheel's `tensorflow` folder: two libraries and the C API's headers. */
  tensorflow: path.join(folder, 'tensorflow'),
  packageOf: (name: string) => path.join(folder, 'node_modules', name),
  binding: path.join(folder, 'tfjs_binding.node'),
  /** Our own operations, compiled; named by their source, so that another version of them is not taken for this one. */
  kernels: path.join(folder, `perigee_kernels.${kernelsHash()}.node`),
  manifest: path.join(folder, 'installation.json'),
});

const Installation = v.object({
  tensorflow: v.string(),
  wheel: v.string(),
  sha256: v.string(),
  tfjsNode: v.string(),
  compiler: v.string(),
});
/** What was installed. Its file is written last: where it is, the installation is whole. */
export type Installation = v.InferOutput<typeof Installation>;

/**
 * @returns undefined when nothing, or only a part, is there
 * @throws BackendError when the file says something else
 */
export function readInstallation(folder = installationFolder): Installation | undefined {
  const file = layout(folder).manifest;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return v.parse(Installation, JSON.parse(text));
  } catch (cause) {
    throw new BackendError(`${file}: expected the description of an installation; remove its folder`, {
      cause,
    });
  }
}
