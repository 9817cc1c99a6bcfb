import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { librariesFolder, provideLibraries } from '../../../../batch/backend/native/libraries.ts';
import { requirementsOf } from '../../../../batch/backend/native/requirement.ts';
import { type Variant, variants } from '../../../../batch/backend/native/versions.ts';

const text = (content: string) => new Uint8ArrayReader(new TextEncoder().encode(content));

async function zip(files: Readonly<Record<string, string>>): Promise<Uint8Array> {
  const writer = new ZipWriter(new Uint8ArrayWriter(), { useWebWorkers: false });
  for (const [name, content] of Object.entries(files))
    await writer.add(name, text(content), name.includes('/bin/') ? { unixMode: 0o100755 } : {});
  return writer.close();
}

const metadata = `Name: tensorflow
Requires-Dist: numpy>=1.26.0
Requires-Dist: nvidia-one-cu12<13.0,>=12.5.3.2; extra == "and-cuda"
Requires-Dist: nvidia-two-cu12==9.1 ; extra == 'and-cuda'
Requires-Dist: nvidia-three-cu12; extra == "other"
`;
const tensorflow = {
  'tensorflow/libtensorflow_cc.so.2': 'cc',
  'tensorflow/libtensorflow_framework.so.2': 'framework',
  'tensorflow/include/tensorflow/c/c_api.h': 'header',
  'tensorflow/python/much.py': 'not kept',
  'tensorflow-2.21.0.dist-info/METADATA': metadata,
};
const tag = 'py3-none-manylinux2014_x86_64.whl';

describe('requirements of a wheel', () => {
  it('are those of the extra, as ranges of versions', () => {
    const [one, two, ...others] = requirementsOf(metadata, 'and-cuda');
    expect(others).toEqual([]);
    expect([one!.project, two!.project]).toEqual(['nvidia-one-cu12', 'nvidia-two-cu12']);
    expect(['12.5.3.1', '12.5.3.2', '12.10', '12.9rc1', '13', '13.0.1'].map(one!.accepts)).toEqual([
      ...[false, true, true],
      ...[false, false, false],
    ]);
    expect(['9.1', '9.1.0', '9.2'].map(two!.accepts)).toEqual([true, true, false]);
  });
});

describe('the libraries', () => {
  let folder: string;
  let requested: string[];
  let close: () => void;
  let environment: Record<string, string>;
  let wheels: Record<string, Uint8Array>;
  const gpu: Variant = { ...variants.gpu, bytes: 1e6 };

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'perigee-libraries-'));
    requested = [];
    wheels = {
      [`tensorflow-2.21.0-${tag}`]: await zip(tensorflow),
      [`nvidia_one_cu12-12.6.0-${tag}`]: await zip({ 'nvidia/one/lib/old.so': 'old' }),
      [`nvidia_one_cu12-12.10.0-${tag}`]: await zip({
        'nvidia/one/lib/one.so': 'one',
        'nvidia/one/include/one.h': 'not kept',
        'nvidia/one/bin/tool': 'tool',
      }),
      [`nvidia_two_cu12-9.1-${tag}`]: await zip({ 'nvidia/two/lib/two.so': 'two' }),
    };
    const server = createServer(({ url = '' }, response) => {
      requested.push(path.basename(url));
      const wheel = wheels[path.basename(url)];
      if (wheel) return void response.end(wheel);
      const project = path.basename(url).replaceAll('-', '_');
      const files = Object.entries(wheels)
        .filter(([name]) => name.startsWith(`${project}-`))
        .map(([filename, content]) => ({
          filename,
          url: `/files/${filename}`,
          hashes: { sha256: createHash('sha256').update(content).digest('hex') },
          size: content.length,
        }));
      response.setHeader('content-type', 'application/vnd.pypi.simple.v1+json');
      response.end(JSON.stringify({ files }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    close = () => void server.close();
    environment = { PIP_INDEX_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple/` };
  });
  afterEach(async () => {
    close();
    await rm(folder, { recursive: true });
  });

  const provide = (variant = gpu) =>
    provideLibraries({
      variant,
      folder,
      machine: { platform: 'linux', arch: 'x64', glibc: '2.36' },
      environment,
      stage: { progress() {}, note() {} },
      signal: new AbortController().signal,
    });

  it('are TensorFlow and the newest of what its extra names, without what is of no use', async () => {
    const provided = await provide();
    expect(provided.map(({ filename }) => filename)).toEqual([
      `tensorflow-2.21.0-${tag}`,
      `nvidia_one_cu12-12.10.0-${tag}`,
      `nvidia_two_cu12-9.1-${tag}`,
    ]);
    const read = (file: string) => readFile(path.join(folder, file), 'utf8');
    expect(await read('tensorflow/libtensorflow_cc.so.2')).toBe('cc');
    expect(await read('nvidia/one/lib/one.so')).toBe('one');
    expect((await stat(path.join(folder, 'nvidia/one/bin/tool'))).mode & 0o111).toBe(0o111);
    await expect(read('tensorflow/python/much.py')).rejects.toThrow('ENOENT');
    await expect(read('nvidia/one/include/one.h')).rejects.toThrow('ENOENT');
    await expect(stat(path.join(folder, 'downloads'))).rejects.toThrow('ENOENT');
  });

  it('that are there are not fetched again, and need no network', async () => {
    const first = await provide();
    close();
    environment = { PIP_INDEX_URL: 'http://127.0.0.1:1/' };
    expect(await provide()).toEqual(first);
  });

  it('go on with the wheel at which it broke', async () => {
    const { [`nvidia_two_cu12-9.1-${tag}`]: two, ...others } = wheels;
    wheels = others;
    await expect(provide()).rejects.toThrow('Expected a wheel of nvidia-two-cu12');
    wheels = { ...others, [`nvidia_two_cu12-9.1-${tag}`]: two! };
    requested = [];
    expect(await provide()).toHaveLength(3);
    expect(requested).toEqual(['nvidia-two-cu12', `nvidia_two_cu12-9.1-${tag}`]);
  });

  it('of a wheel without them are refused', async () => {
    wheels[`tensorflow-2.21.0-${tag}`] = await zip({ 'tensorflow/libtensorflow_cc.so.2': 'cc' });
    await expect(provide()).rejects.toThrow('libtensorflow_framework.so.2, found 1 of them');
  });

  it('that do not fit the disk are not begun', async () => {
    await expect(provide({ ...gpu, bytes: 1e18 })).rejects.toThrow(/needs 1000000000000 MB .* found \d+ MB/);
    expect(requested).toEqual([]);
  });

  it('lie outside the clone, where the environment says', () => {
    const of = (settings: Record<string, string>) => librariesFolder(gpu, settings, 'linux-x64');
    const name = 'tensorflow-2.21.0-linux-x64';
    expect(of({ HOME: '/home/me' })).toBe(`/home/me/.cache/perigee/${name}`);
    expect(of({ HOME: '/home/me', XDG_CACHE_HOME: '/c' })).toBe(`/c/perigee/${name}`);
    expect(of({ HOME: '/home/me', XDG_CACHE_HOME: '/c', PERIGEE_NATIVE_CACHE: '/mine' })).toBe(
      `/mine/${name}`,
    );
  });
});
