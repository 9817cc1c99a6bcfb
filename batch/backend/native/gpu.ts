import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { folderOf } from './installation.ts';

/** What NVIDIA's driver puts there: on Linux itself, and inside Windows. */
const driverFiles = ['/dev/nvidiactl', '/dev/dxg'];

/** A GPU that TensorFlow computes on, or why there is none. */
export type Gpu = { readonly name: string } | { readonly missing: string };

export const hasDriver = (): boolean => driverFiles.some((file) => existsSync(file));

/**
 * Looks for a GPU. TensorFlow is asked in a process of its own, since what it has loaded it doesn't let go, and then this process is
 * still free to load the libraries for the CPU.
 * @param folder an installation for the GPU
 */
export async function findGpu(folder = folderOf('gpu'), driver = hasDriver()): Promise<Gpu> {
  if (!driver) return { missing: `no NVIDIA driver here (${driverFiles[0]} is missing)` };
  return await askTensorFlow(folder);
}

/** What TensorFlow itself sees. */
export async function askTensorFlow(folder = folderOf('gpu')): Promise<Gpu> {
  const probe = path.join(import.meta.dirname, 'gpu-probe.ts');
  const command = ['TF_CPP_MIN_LOG_LEVEL=0', process.execPath, probe, folder];
  try {
    const { stdout, stderr } = await promisify(execFile)('env', command);
    if (stdout.trim() === 'gpu')
      return { name: /device: 0, name: ([^,]+)/.exec(stderr)?.[1] ?? 'a GPU without a name' };
    return { missing: `TensorFlow finds none: ${complaint(stderr)}` };
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    return { missing: `TensorFlow for GPUs does not run: ${stderr.trim().split('\n').at(-1) || message}` };
  }
}

/** The line of TensorFlow's log that says most, without its place in the source. */
function complaint(log: string): string {
  const lines = log.split('\n').filter((line) => /cuda|gpu|driver/i.test(line) && !/rebuild/.test(line));
  const said = lines.find((line) => /: E |could not|fail|cannot/i.test(line)) ?? lines[0];
  return said?.replace(/^.*?\] /, '').trim() ?? 'it gives no reason';
}
