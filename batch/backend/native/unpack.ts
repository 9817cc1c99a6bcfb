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

/**
 * Unpacks what the binding needs of a TensorFlow wheel, below `folder`.
 * @throws BackendError when a library is missing from it
 */
export async function unpackWheel(
  wheel: string,
  folder: string,
  progress: (fraction: number) => void,
): Promise<void> {
  configure({ useWebWorkers: false });
  const zip = new ZipReader(new BlobReader(await openAsBlob(wheel)), { checkSignature: true });
  try {
    const entries = (await zip.getEntries()).filter(
      (entry): entry is FileEntry =>
        !entry.directory && (library.test(entry.filename) || header.test(entry.filename)),
    );
    const libraries = entries.filter(({ filename }) => library.test(filename));
    if (libraries.length !== 2)
      throw new BackendError(
        `${path.basename(wheel)}: expected libtensorflow_cc.so.2 and libtensorflow_framework.so.2, found ${libraries.length} of them`,
      );
    const total = entries.reduce((sum, { uncompressedSize }) => sum + uncompressedSize, 0);
    let before = 0;
    for (const entry of entries) {
      const file = path.join(folder, entry.filename);
      await mkdir(path.dirname(file), { recursive: true });
      await entry.getData(Writable.toWeb(createWriteStream(file)) as WritableStream, {
        onprogress: async (bytes) => progress((before + bytes) / total),
      });
      before += entry.uncompressedSize;
    }
  } finally {
    await zip.close();
  }
}
