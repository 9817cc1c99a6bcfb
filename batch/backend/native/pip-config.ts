import { readFile } from 'node:fs/promises';
import path from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

export const publicIndex = 'https://pypi.org/simple/';

/**
 * The package index that pip would use: PIP_INDEX_URL, else `index-url` in the files that pip reads (the last that has
 * one wins: /etc/pip.conf, ~/.pip/pip.conf, ~/.config/pip/pip.conf, PIP_CONFIG_FILE), else the public one.
 */
export async function packageIndex(environment: Environment, systemFile = '/etc/pip.conf'): Promise<string> {
  const named = environment['PIP_INDEX_URL'];
  if (named) return withSlash(named);
  const home = environment['HOME'];
  const own = environment['PIP_CONFIG_FILE'];
  const configHome =
    environment['XDG_CONFIG_HOME'] ?? (home === undefined ? undefined : path.join(home, '.config'));
  // What pip does: naming the null device switches every file off.
  const files =
    own === '/dev/null'
      ? []
      : [
          systemFile,
          home && path.join(home, '.pip', 'pip.conf'),
          configHome && path.join(configHome, 'pip', 'pip.conf'),
          own,
        ];
  let index: string | undefined;
  for (const file of files) {
    const text = file && (await readIfPresent(file));
    if (text) index = indexOf(text) ?? index;
  }
  return withSlash(index ?? publicIndex);
}

/** `index-url` of an INI file's [global], [install] or [download] section. */
function indexOf(text: string): string | undefined {
  let section = '';
  let found: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    section = /^\s*\[(.+)\]\s*$/.exec(line)?.[1] ?? section;
    const value = /^\s*index[-_]url\s*[=:]\s*(\S+)/.exec(line)?.[1];
    if (value && ['global', 'install', 'download'].includes(section)) found = value;
  }
  return found;
}

const withSlash = (url: string): string => (url.endsWith('/') ? url : `${url}/`);

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw error;
  }
}
