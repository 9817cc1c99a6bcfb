import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findCompiler } from '../../../../batch/backend/native/compile.ts';
import { download } from '../../../../batch/backend/native/download.ts';
import { listFiles } from '../../../../batch/backend/native/package-index.ts';
import { packageIndex, publicIndex } from '../../../../batch/backend/native/pip-config.ts';
import { assertSupported, chooseWheel } from '../../../../batch/backend/native/wheel.ts';

let folder: string;
const closing: (() => void)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'perigee-native-'));
});
afterEach(async () => {
  for (const close of closing.splice(0)) close();
  await rm(folder, { recursive: true });
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const { signal } = new AbortController();
const hash = 'a'.repeat(64);
const wheelOf = (tags: string) => ({
  filename: `tensorflow_cpu-2.21.0-${tags}.whl`,
  url: 'http://x/',
  sha256: hash,
});
const wanted = { project: 'tensorflow-cpu', accepts: (version: string) => version === '2.21.0' };
const machine = { platform: 'linux', arch: 'x64', glibc: '2.36' };

describe('the package index', () => {
  it('is what pip would use: environment, then files, then the public one', async () => {
    const file = path.join(folder, 'pip.conf');
    await writeFile(file, '[list]\nindex-url = http://no/\n[global]\nindex-url = http://mirror/simple\n');
    const none = path.join(folder, 'none');
    const files = { HOME: none, PIP_CONFIG_FILE: file };
    expect(await packageIndex({ ...files, PIP_INDEX_URL: 'http://env/' }, none)).toBe('http://env/');
    expect(await packageIndex(files, none)).toBe('http://mirror/simple/');
    expect(await packageIndex({ HOME: none }, none)).toBe(publicIndex);
  });

  it('is read as JSON and as HTML alike, withdrawn files left out, credentials sent as a header', async () => {
    const seen: (string | undefined)[] = [];
    const pages: Record<string, [string, string]> = {
      '/json/p/': [
        'application/vnd.pypi.simple.v1+json',
        JSON.stringify({
          files: [
            { filename: 'a.whl', url: '../../a.whl', hashes: { sha256: hash }, yanked: false },
            { filename: 'b.whl', url: '../../b.whl', hashes: { sha256: hash }, yanked: 'bad' },
          ],
        }),
      ],
      '/html/p/': [
        'text/html',
        `<!doctype html><body><a href="../../a.whl#sha256=${hash}">a.whl</a><a data-yanked href="../../b.whl#sha256=${hash}">b.whl</a></body>`,
      ],
    };
    const root = await serve(({ url = '', headers }, response) => {
      seen.push(headers.authorization);
      const [type, text] = pages[url]!;
      response.writeHead(200, { 'content-type': type }).end(text);
    });
    const expected = [{ filename: 'a.whl', url: `${root}a.whl`, sha256: hash }];
    expect(await listFiles(`${root}json/`, 'p', signal)).toEqual(expected);
    expect(await listFiles(`${root.replace('//', '//me:secret@')}html/`, 'p', signal)).toEqual(expected);
    expect(seen[1]).toBe(`Basic ${Buffer.from('me:secret').toString('base64')}`);
  });

  it('that is not there is named, without its password', async () => {
    const failing = listFiles('http://me:secret@127.0.0.1:1/simple/', 'p', signal);
    await expect(failing).rejects.toThrow(
      /Expected http:\/\/127\.0\.0\.1:1\/simple\/p\/ to answer.*network/s,
    );
  });
});

describe('the wheel', () => {
  it('is for x86-64 Linux and no newer a C library than the machine has', () => {
    const files = [
      'cp39-cp39-manylinux2014_x86_64',
      'cp313-cp313-manylinux_2_99_x86_64',
      'cp313-cp313-win_amd64',
      'cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64',
      'cp313-cp313-manylinux_2_27_aarch64',
    ].map(wheelOf);
    expect(chooseWheel(files, wanted, machine).filename).toContain('cp312');
    expect(() => chooseWheel(files, wanted, { ...machine, glibc: '2.12' })).toThrow(
      /glibc 2\.12.*found tensorflow_cpu/s,
    );
  });

  it.each([
    ['darwin', 'arm64', undefined],
    ['linux', 'arm64', '2.36'],
    ['linux', 'x64', undefined],
  ])('%s %s %s keeps wasm and is told so', (platform, arch, glibc) => {
    expect(() => assertSupported({ platform, arch, glibc })).toThrow('wasm backend');
  });
});

describe('a download', () => {
  const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
  const sha256 = createHash('sha256').update(content).digest('hex');
  const options = { signal, progress() {}, pause: 1 };

  it('goes on where a broken connection left it', async () => {
    const ranges: (string | undefined)[] = [];
    const url = await serve(({ headers }, response) => {
      ranges.push(headers.range);
      const start = Number(/\d+/.exec(headers.range ?? '')?.[0] ?? 0);
      response.writeHead(start > 0 ? 206 : 200, { 'content-length': content.length - start });
      if (start > 0) response.end(content.subarray(start));
      else response.write(content.subarray(0, 200_000), () => setTimeout(() => response.destroy(), 50));
    });
    const file = path.join(folder, 'wheel');
    await download({ url, sha256 }, file, options);
    expect((await readFile(file)).equals(content)).toBe(true);
    expect(ranges).toHaveLength(2);
    expect(Number(/\d+/.exec(ranges[1]!)![0])).toBeGreaterThan(0);
  });

  it('of another content is refused and removed', async () => {
    const url = await serve((_, response) => void response.end('something else'));
    const file = path.join(folder, 'wheel');
    await expect(download({ url, sha256 }, file, options)).rejects.toThrow(`expected SHA-256 ${sha256}`);
    await expect(readFile(`${file}.part`)).rejects.toThrow('ENOENT');
  });

  it('that the server refuses says so at once', async () => {
    let requests = 0;
    const url = await serve((_, response) => {
      requests++;
      response.writeHead(404).end();
    });
    await expect(download({ url, sha256 }, path.join(folder, 'wheel'), options)).rejects.toThrow('found 404');
    expect(requests).toBe(1);
  });
});

it('without g++ the message says how to get it', async () => {
  await expect(findCompiler({ PATH: folder })).rejects.toThrow('apt-get install g++');
});
