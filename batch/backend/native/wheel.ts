import { BackendError } from '../../../shared/errors.ts';
import type { IndexFile } from './package-index.ts';
import { compareVersions, type Requirement } from './requirement.ts';

/** The machine, as far as a wheel's tags speak of it. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** `major.minor` of the GNU C library; undefined where there is another one. */
  readonly glibc: string | undefined;
}

/** @throws BackendError where TensorFlow's libraries for x86-64 Linux do not run */
export function assertSupported({ platform, arch, glibc }: Machine): void {
  if (platform === 'linux' && arch === 'x64' && glibc !== undefined) return;
  const found =
    platform === 'linux' && arch === 'x64' ? 'linux x64 with another C library' : `${platform} ${arch}`;
  throw new BackendError(
    `The native backend needs Linux on x86-64 with the GNU C library, found ${found}. ` +
      'Nothing is lost: training runs on the wasm backend here, which needs no set-up.',
  );
}

/**
 * The newest accepted wheel that runs here (PEP 427, PEP 600). Of its Python tag nothing matters, since only its shared libraries
 * are used; the newest is taken, so that the choice does not depend on the list's order.
 * @throws BackendError when there is none
 */
export function chooseWheel(
  files: readonly IndexFile[],
  { project, accepts }: Requirement,
  { glibc = '0.0' }: Machine,
): IndexFile {
  const name = project.replaceAll(/[-_.]+/g, '_').toLowerCase();
  const versionOf = ({ filename }: IndexFile) => filename.split('-')[1] ?? '';
  const wanted = files.filter(
    (file) => file.filename.toLowerCase().startsWith(`${name}-`) && accepts(versionOf(file)),
  );
  const [chosen] = wanted
    .filter(({ filename }) => {
      const oldest = neededGlibc(filename);
      return oldest !== undefined && compareVersions(oldest, glibc) <= 0;
    })
    .sort(
      (a, b) =>
        compareVersions(versionOf(b), versionOf(a)) ||
        b.filename.localeCompare(a.filename, 'en', { numeric: true }),
    );
  if (chosen) return chosen;
  const found = wanted.map(({ filename }) => filename).join(', ') || 'no file of a version that is wanted';
  throw new BackendError(
    `Expected a wheel of ${project} for x86-64 Linux with glibc ${glibc} on the package index, found ${found}`,
  );
}

const legacy: Readonly<Record<string, string>> = { '1': '2.5', '2010': '2.12', '2014': '2.17' };

/** Oldest GNU C library that an x86-64 wheel runs on; undefined for other platforms' wheels. */
function neededGlibc(filename: string): string | undefined {
  const tags = /-([^-]+)\.whl$/.exec(filename)?.[1]?.split('.') ?? [];
  const versions = tags.flatMap((tag) => {
    const match = /^manylinux(?:_(\d+)_(\d+)|(1|2010|2014))_x86_64$/.exec(tag);
    if (!match) return [];
    return match[3] === undefined ? `${match[1]}.${match[2]}` : legacy[match[3]]!;
  });
  return versions.sort(compareVersions)[0];
}
