import { createWriteStream, openAsBlob } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Writable } from 'node:stream';
import { BlobReader, configure, type FileEntry, ZipReader } from '@zip.js/zip.js';
import { BackendError } from '../../../shared/errors.ts';

const library = /^tensorflow\/libtensorflow_(cc|framework)\.so\.2$/;
/** The C API's headers, and those that they include. */
const header =
  /^tensorflow\/include\/(tensorflow\/c\/(eager\/|experimental\/stream_executor\/)?\w+|xla\/tsl\/c\/\w+|(tsl|tensorflow\/core)\/platform\/(ctstring\w*|platform))\.h$/;

/** Of the wheel's description only what it needs beside itself is read. */
const metadata = /^tensorflow\w*-[\d.]+\.dist-info\/METADATA$/;
/** CUDA's libraries and the compilers that TensorFlow calls. */
const cuda = /^nvidia\/\w+\/(lib|bin|nvvm)\/.+/;

const wanted = [library, header, metadata, cuda];

/**
 * Unpacks what TensorFlow and its binding need of a wheel, below `folder`.
 * @returns names of the files
 */
export async function unpackWheel(
  wheel: string,
  folder: string,
  progress: (fraction: number) => void,
): Promise<string[]> {
  configure({ useWebWorkers: false });
  const zip = new ZipReader(new BlobReader(await openAsBlob(wheel)), { checkSignature: true });
  try {
    const entries = (await zip.getEntries()).filter(
      (entry): entry is FileEntry =>
        !entry.directory && wanted.some((pattern) => pattern.test(entry.filename)),
    );
    const total = entries.reduce((sum, { uncompressedSize }) => sum + uncompressedSize, 0);
    let before = 0;
    for (const entry of entries) {
      const file = path.join(folder, entry.filename);
      await mkdir(path.dirname(file), { recursive: true });
      const mode = entry.executable ? 0o755 : 0o644;
      await entry.getData(Writable.toWeb(createWriteStream(file, { mode })) as WritableStream, {
        onprogress: async (bytes) => progress((before + bytes) / total),
      });
      before += entry.uncompressedSize;
    }
    return entries.map(({ filename }) => filename);
  } finally {
    await zip.close();
  }
}

/** @throws BackendError when a library of TensorFlow's is not among them */
export function assertLibraries(files: readonly string[], wheel: string): void {
  const found = files.filter((file) => library.test(file)).length;
  if (found !== 2)
    throw new BackendError(
      `${wheel}: expected libtensorflow_cc.so.2 and libtensorflow_framework.so.2, found ${found} of them`,
    );
}
