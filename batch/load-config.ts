import { access } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import * as v from 'valibot';
import { ConfigError } from '../shared/errors.ts';
import { Config } from './config.ts';
import { mistakesOf } from './mistakes.ts';

/**
 * Reads a config file: an ES module whose default export is the config.
 * @throws ConfigError that names every wrong key, what was expected there and what was found
 */
export async function loadConfig(file: string): Promise<Config> {
  try {
    await access(file);
  } catch (cause) {
    throw new ConfigError(`No config file at ${file}. 'perigee init' writes one; --config names another.`, {
      cause,
    });
  }
  const module = await importModule(file);
  if (module.default === undefined) {
    throw new ConfigError(`${file}: expected 'export default defineConfig({ … })', found no default export.`);
  }
  return parseConfig(module.default, file);
}

export function parseConfig(input: unknown, file: string): Config {
  const result = v.safeParse(Config, input);
  if (result.success) return result.output;
  const mistakes = new Set(result.issues.flatMap((issue) => mistakesOf(issue)));
  throw new ConfigError(
    `${file} is not a valid config:\n${[...mistakes].map((mistake) => `  ${mistake}`).join('\n')}`,
  );
}

async function importModule(file: string): Promise<{ default?: unknown }> {
  try {
    return (await import(pathToFileURL(file).href)) as { default?: unknown };
  } catch (cause) {
    throw new ConfigError(`${file} cannot be loaded: ${(cause as Error).message}`, { cause });
  }
}
