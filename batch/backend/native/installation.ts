import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { BackendError } from '../../../shared/errors.ts';
import { sha256 } from '../../sha256.ts';
import { type VariantName, variants } from './versions.ts';

const root = path.resolve(import.meta.dirname, '../../..');

/** Our own operations, compiled for the CPU only: one file, and what it includes. */
const kernelsFolder = path.join(import.meta.dirname, 'kernels');
export const kernelSource = path.join(kernelsFolder, 'kernels.cc');

const kernelsHash = (): string =>
  sha256(
    readdirSync(kernelsFolder)
      .filter((file) => /\.(cc|h)$/.test(file))
      .sort()
      .map((file) => readFileSync(path.join(kernelsFolder, file), 'utf8'))
      .join(''),
  ).slice(0, 8);

/**
 * An installation lies in one folder of the repository's `.cache`, named by its versions: `npm ci` leaves it alone, git ignores it, and
 * removing it removes the backend. TensorFlow's libraries are a link into {@link librariesFolder}.
 */
export function folderOf(name: VariantName): string {
  const { wheel, binding } = variants[name];
  const parts = [wheel.project, wheel.version, binding.name.replace('@tensorflow/', ''), binding.version];
  if (name === 'native') parts.push('kernels', kernelsHash());
  return path.join(root, '.cache', 'native', parts.join('-'));
}

export const layout = (folder: string) => ({
  downloads: path.join(folder, 'downloads'),
  /** Two libraries and the C API's headers. */
  tensorflow: path.join(folder, 'tensorflow'),
  packageOf: (name: string) => path.join(folder, 'node_modules', name),
  binding: path.join(folder, 'tfjs_binding.node'),
  /** Compiled of {@link kernelSource}. */
  kernels: path.join(folder, 'perigee_kernels.node'),
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
export function readInstallation(folder: string): Installation | undefined {
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
