import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import asc from 'assemblyscript/asc';

/**
 * Compiles assembly/index.ts into kernel.wasm, when it is older than what it is made of. Safe to run several at once:
 * the file appears whole.
 */
const folder = import.meta.dirname;
const source = path.join(folder, 'assembly/index.ts');
const target = path.join(folder, 'kernel.wasm');
const flags = [
  '-O3',
  '--converge',
  '--noAssert',
  ...['--runtime', 'stub'],
  ...['--use', 'abort='],
  ...['--enable', 'simd'],
  '--importMemory',
  // The host owns the memory's layout; nothing of the module's own may lie in it.
  ...['--memoryBase', '0'],
  ...['--initialMemory', '1'],
];

const modified = async (file: string): Promise<number> => {
  try {
    return (await stat(file)).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Number.NEGATIVE_INFINITY;
    throw error;
  }
};

async function compile(): Promise<Uint8Array> {
  const outputs = new Map<string, Uint8Array>();
  const { error, stderr } = await asc.main(['index.ts', '--outFile', 'kernel.wasm', ...flags], {
    readFile: async (name) => (name === 'index.ts' ? readFile(source, 'utf8') : null),
    writeFile: (name, contents) => {
      if (contents instanceof Uint8Array) outputs.set(name, contents);
    },
    listFiles: () => [],
  });
  const wasm = outputs.get('kernel.wasm');
  if (error !== null || wasm === undefined) {
    throw new Error(`The kernel does not compile:\n${stderr.toString()}`, { cause: error });
  }
  return wasm;
}

const inputs = [source, import.meta.filename];
const newest = Math.max(...(await Promise.all(inputs.map(modified))));
if ((await modified(target)) < newest) {
  const scratch = `${target}.${process.pid}`;
  await mkdir(folder, { recursive: true });
  await writeFile(scratch, await compile());
  await rename(scratch, target);
}
