import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { BackendError } from '../../../shared/errors.ts';
import type { Environment } from './pip-config.ts';
import type { NpmPackage } from './versions.ts';

const run = promisify(execFile);

const Packed = v.pipe(v.array(v.object({ filename: v.string() })), v.minLength(1));

/**
 * Fetches a package through npm, so from the registry that npm is set to, and unpacks it into `folder`. None of its
 * scripts is run and none of its dependencies fetched.
 * @throws BackendError when npm cannot, or the archive is another than was named
 */
export async function fetchPackage(
  { name, version, integrity }: NpmPackage,
  folder: string,
  { downloads, environment, signal }: { downloads: string; environment: Environment; signal: AbortSignal },
): Promise<void> {
  await mkdir(downloads, { recursive: true });
  const args = ['pack', `${name}@${version}`, '--json', '--ignore-scripts', '--pack-destination', downloads];
  const archive = await guarded(`npm could not fetch ${name}@${version}`, signal, async () => {
    const { stdout } = await run('npm', args, { env: environment as NodeJS.ProcessEnv, signal });
    return path.join(downloads, v.parse(Packed, JSON.parse(stdout))[0]!.filename);
  });
  const found = `sha512-${createHash('sha512')
    .update(await readFile(archive))
    .digest('base64')}`;
  if (found !== integrity)
    throw new BackendError(`${name}@${version}: expected the checksum ${integrity}, found ${found}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await guarded(`tar could not unpack ${archive}`, signal, async () => {
    const options = { env: environment as NodeJS.ProcessEnv, signal };
    await run('tar', ['-xzf', archive, '-C', folder, '--strip-components=1'], options);
    // As npm does: some archives let only their owner read.
    await run('chmod', ['-R', 'a+rX', folder], options);
  });
  await rm(archive);
}

async function guarded<T>(message: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    signal.throwIfAborted();
    const { stderr } = cause as { stderr?: string };
    throw new BackendError(`${message}: ${stderr?.trim() || (cause as Error).message}`, { cause });
  }
}
