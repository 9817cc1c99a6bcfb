import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');

const filesBelow = (folder: string): string[] =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|js)$/.test(file) && !file.includes('node_modules'))
    .map((file) => path.join(folder, file));

const importsOf = (file: string): string[] =>
  [...readFileSync(path.join(root, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
    (match) => match[1]!,
  );

/** Top-level folder of a relative import, or the package's name. */
const target = (file: string, specifier: string): string =>
  specifier.startsWith('.')
    ? path.relative(root, path.resolve(root, path.dirname(file), specifier)).split(path.sep)[0]!
    : specifier;

const violations = (folder: string, allowed: (target: string, file: string) => boolean): string[] =>
  filesBelow(folder).flatMap((file) =>
    importsOf(file)
      .filter((specifier) => !allowed(target(file, specifier), file))
      .map((specifier) => `${file} imports ${specifier}`),
  );

describe('dependencies point one way: shared ← batch, shared ← edge', () => {
  it('shared imports itself and the schema library only', () => {
    expect(violations('shared', (name) => name === 'shared' || name === 'valibot')).toEqual([]);
  });
  it('batch never imports edge', () => {
    expect(violations('batch', (name) => name !== 'edge' && name !== 'test')).toEqual([]);
  });
  it('edge never imports batch, nor Node', () => {
    const isBuild = (file: string): boolean => file.endsWith('kernel/build.ts');
    const allowed = (name: string, file: string): boolean =>
      name !== 'batch' && name !== 'test' && (isBuild(file) || !name.startsWith('node:'));
    expect(violations('edge', allowed)).toEqual([]);
  });
  it('only the entry points of processes and the adapters of the machine read the environment', () => {
    const readers = filesBelow('batch').filter((file) =>
      readFileSync(path.join(root, file), 'utf8').includes('process.env'),
    );
    expect(
      readers.filter(
        (file) => !/^batch\/(cli|serve|tune\/worker|backend\/native\/(cli|load))\.ts$/.test(file),
      ),
    ).toEqual([]);
  });
});
